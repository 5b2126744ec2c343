import {
  CustomVariableSupport,
  type DataQueryRequest,
  type DataQueryResponse,
  type MetricFindValue,
} from '@grafana/data';
import { getTemplateSrv } from '@grafana/runtime';
import { from, map, type Observable } from 'rxjs';

import { VariableEditor } from './components/VariableEditor';
import type { SkeinDataSource } from './datasource';
import { kindOf } from './defaults';
import { interpolateGremlin } from './templating';
import { timeOf } from './time';
import type { SkeinOptions, SkeinQuery, SkeinVariableQuery } from './types';

/** SkeinVariables gives the values of dashboard variables. */
export class SkeinVariables extends CustomVariableSupport<
  SkeinDataSource,
  SkeinVariableQuery,
  SkeinQuery,
  SkeinOptions
> {
  editor = VariableEditor;

  constructor(private readonly datasource: SkeinDataSource) {
    super();
  }

  getDefaultQuery(): Partial<SkeinQuery> {
    return {};
  }

  query(request: DataQueryRequest<SkeinVariableQuery>): Observable<DataQueryResponse> {
    const [target] = request.targets;
    return from(this.list(target, request)).pipe(map((data) => ({ data })));
  }

  private async list(
    written: SkeinVariableQuery,
    { scopedVars, range }: DataQueryRequest<SkeinVariableQuery>
  ): Promise<MetricFindValue[]> {
    if (kindOf(written) === 'values' && !written.key) {
      return [];
    }
    const templates = getTemplateSrv();
    const query: SkeinVariableQuery = {
      ...written,
      kind: kindOf(written),
      gremlin: interpolateGremlin(written.gremlin ?? '', templates, scopedVars).text,
      key: templates.replace(written.key ?? '', scopedVars),
      at: timeOf({}, range),
    };
    const choices = await this.datasource.resources.variable(query);
    return choices.map((c) => ({ text: c.text, value: c.value }) as MetricFindValue);
  }
}

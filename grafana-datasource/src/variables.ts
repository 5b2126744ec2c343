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
import type { Choice } from './resources';
import { interpolateGremlin } from './templating';
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
    return from(this.list(target, request.scopedVars)).pipe(map((data) => ({ data })));
  }

  private async list(
    written: SkeinVariableQuery,
    scopedVars: DataQueryRequest['scopedVars']
  ): Promise<MetricFindValue[]> {
    const templates = getTemplateSrv();
    const query: SkeinVariableQuery = {
      ...written,
      gremlin: interpolateGremlin(written.gremlin ?? '', templates, scopedVars).text,
      key: templates.replace(written.key ?? '', scopedVars),
    };
    return (await this.choices(query)).map((c) => ({ text: c.text, value: c.value }) as MetricFindValue);
  }

  private choices(query: SkeinVariableQuery): Promise<Choice[]> {
    const { resources } = this.datasource;
    switch (kindOf(query)) {
      case 'hosts':
        return resources.hosts();
      case 'types':
        return resources.types();
      case 'keys':
        return resources.keys(query.gremlin);
      case 'values':
        return query.key ? resources.values(query.key, query.gremlin) : Promise.resolve([]);
      default:
        return resources.variable(query);
    }
  }
}

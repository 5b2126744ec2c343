import { DataSourcePlugin } from '@grafana/data';

import { ConfigEditor } from './components/ConfigEditor';
import { QueryEditor } from './components/QueryEditor';
import { QueryHelp } from './components/QueryHelp';
import { SkeinDataSource } from './datasource';
import type { SkeinOptions, SkeinQuery, SkeinSecrets } from './types';

export const plugin = new DataSourcePlugin<SkeinDataSource, SkeinQuery, SkeinOptions, SkeinSecrets>(SkeinDataSource)
  .setConfigEditor(ConfigEditor)
  .setQueryEditor(QueryEditor)
  .setQueryEditorHelp(QueryHelp);

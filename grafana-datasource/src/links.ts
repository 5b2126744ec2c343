import type { DataQueryRequest } from '@grafana/data';

import type { Templates } from './templating';
import { DEFAULT_EXPAND_VARIABLE, type QueryLink, type SkeinQuery } from './types';

const MACRO = '${__all_variables}';

/**
 * linkOf tells the backend where a query is shown: the links in its answer lead
 * back to that dashboard, with its variables as they are and one of them, which
 * says what is opened, changed.
 */
export function linkOf(query: SkeinQuery, request: DataQueryRequest<SkeinQuery>, templates: Templates): QueryLink {
  const uid = request.dashboardUID ?? '';
  return {
    dashboard: uid ? `/d/${encodeURIComponent(uid)}` : '',
    params: uid ? otherVariables(query, request, templates) : '',
    app: String(request.app ?? ''),
  };
}

function otherVariables(query: SkeinQuery, request: DataQueryRequest<SkeinQuery>, templates: Templates): string {
  const all = templates.replace(MACRO, request.scopedVars);
  const skip = `var-${encodeURIComponent(query.expandVariable?.trim() || DEFAULT_EXPAND_VARIABLE)}=`;
  return all === MACRO
    ? ''
    : all
        .split('&')
        .filter((p) => p.includes('=') && !p.startsWith(skip))
        .join('&');
}

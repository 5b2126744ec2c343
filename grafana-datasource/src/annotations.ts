import type { AnnotationQuery, AnnotationSupport } from '@grafana/data';

import { AnnotationEditor } from './components/AnnotationEditor';
import { DEFAULT_EVENT_LIMIT, type SkeinQuery } from './types';

/** What a new annotation shows: interfaces, bridges, namespaces … that came and went. */
export const DEFAULT_ANNOTATION: Partial<SkeinQuery> = {
  queryType: 'events',
  what: 'nodes',
  ops: ['added', 'removed'],
  limit: DEFAULT_EVENT_LIMIT,
};

/** annotationSupport makes changes of the topology marks on any panel's time axis. */
export function annotationSupport(): AnnotationSupport<SkeinQuery, AnnotationQuery<SkeinQuery>> {
  return {
    QueryEditor: AnnotationEditor,
    getDefaultQuery: () => DEFAULT_ANNOTATION,
    prepareAnnotation: (annotation: AnnotationQuery<SkeinQuery>) => ({
      ...annotation,
      target: annotation.target ?? { refId: 'Anno', ...DEFAULT_ANNOTATION },
    }),
    prepareQuery: (annotation) => ({
      ...DEFAULT_ANNOTATION,
      ...annotation.target,
      refId: annotation.target?.refId ?? 'Anno',
      queryType: 'events',
      live: false,
    }),
  };
}

import type { Resources } from '../resources';
import type { SkeinQuery } from '../types';

/** What every part of the query editor is given. */
export interface PartProps {
  query: SkeinQuery;
  resources: Resources;
  /** Changes some fields of the query and runs it. */
  set: (change: Partial<SkeinQuery>) => void;
}

import { Stack } from '@grafana/ui';
import React from 'react';

import { GremlinField } from './GremlinField';
import { EventsOptions } from './options/EventsOptions';
import type { Props } from './QueryEditor';
import { timeOf } from '../time';
import type { SkeinQuery } from '../types';

/** Which changes of the topology are marked on the time axis. */
export function AnnotationEditor({ query, datasource, range, onChange, onRunQuery }: Props) {
  const events = (change: Partial<SkeinQuery>) => onChange({ ...query, queryType: 'events', ...change });
  return (
    <Stack direction="column" gap={1}>
      <EventsOptions
        query={query}
        set={(change) => {
          events(change);
          onRunQuery?.();
        }}
      />
      <GremlinField
        gremlin={query.gremlin}
        builder={query.builder}
        editor={query.editor}
        hint="only changes of these nodes and edges; empty is all"
        resources={datasource.resources}
        at={timeOf(query, range)}
        onChange={events}
        onRun={() => onRunQuery?.()}
      />
    </Stack>
  );
}

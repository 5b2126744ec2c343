import { Stack } from '@grafana/ui';
import React from 'react';

import { FlowFilters } from './FlowFilters';
import { FlowSums } from './FlowSums';
import { ChoiceField, ListField, NumberField, SwitchField, TextField } from '../fields';
import type { PartProps } from '../props';
import { DEFAULT_FIELDS, type SeriesSource } from '../../types';

const SOURCES: Array<{ value: SeriesSource; label: string; description: string }> = [
  { value: 'interface', label: 'Interfaces', description: 'Counters of the nodes that a query gives' },
  { value: 'flows', label: 'Flows', description: 'What flows moved' },
  { value: 'gremlin', label: 'Gremlin', description: 'A query that ends in Metrics, Aggregates or a number' },
];

const COUNTERS = ['RxBytes', 'TxBytes', 'RxPackets', 'TxPackets', 'RxDropped', 'TxDropped', 'RxErrors', 'TxErrors'].map(
  (value) => ({ value, label: value })
);

/** Where a time series comes from and what it counts. */
export function SeriesOptions(props: PartProps) {
  const { query, set } = props;
  const series = query.series ?? 'interface';
  return (
    <>
      <Stack gap={0.5} wrap="wrap">
        <ChoiceField
          label="Of"
          width={18}
          value={series}
          options={SOURCES}
          onCommit={(next) => set({ series: next })}
        />
        {series === 'flows' ? (
          <FlowSums {...props} tooltip="One series for each; empty is one of everything" placeholder="all together" />
        ) : (
          <ListField
            label="Counters"
            value={query.fields ?? []}
            options={COUNTERS}
            placeholder={DEFAULT_FIELDS.join(', ')}
            onCommit={(fields) => set({ fields: fields.length > 0 ? fields : undefined })}
          />
        )}
        <SwitchField
          label="Per second"
          tooltip="Divides what was counted by the time it took"
          value={query.rate ?? true}
          onCommit={(rate) => set({ rate })}
        />
        <NumberField
          label="Series"
          tooltip="The most series: those that moved the most"
          fallback={10}
          value={query.limit}
          max={100}
          onCommit={(limit) => set({ limit })}
        />
        <TextField
          label="Legend"
          tooltip="The name of a series: {{Name}}, {{Host}}, {{Type}}, {{field}}, or any label that it has"
          value={query.legend}
          placeholder="{{Name}} {{field}}"
          onCommit={(legend) => set({ legend: legend || undefined })}
        />
      </Stack>
      {series === 'flows' && <FlowFilters {...props} overTime />}
    </>
  );
}

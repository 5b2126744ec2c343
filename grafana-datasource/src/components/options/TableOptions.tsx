import { Stack } from '@grafana/ui';
import React from 'react';

import { ListField, NumberField, SwitchField } from '../fields';
import type { PartProps } from '../props';

/** Which columns a table has. */
export function TableOptions({ query, resources, set, maxRows }: PartProps & { maxRows: number }) {
  return (
    <Stack gap={0.5} wrap="wrap">
      <ListField
        label="Columns"
        tooltip="Keys, in the order in which they are to stand; empty is every key with a plain value"
        width={60}
        value={query.columns ?? []}
        options={() => resources.keys()}
        placeholder="all"
        onCommit={(columns) => set({ columns: columns.length > 0 ? columns : undefined })}
      />
      <SwitchField
        label="Flatten"
        tooltip="Makes columns of what is inside of a value: Neighbors.IP"
        value={query.flatten ?? false}
        onCommit={(flatten) => set({ flatten })}
      />
      <NumberField label="Rows" fallback={maxRows} value={query.limit} onCommit={(limit) => set({ limit })} />
    </Stack>
  );
}

import { Stack } from '@grafana/ui';
import React from 'react';

import { FLOW_SORTS } from './flowChoices';
import { FlowFilters } from './FlowFilters';
import { FlowSums } from './FlowSums';
import { ChoiceField, NumberField } from '../fields';
import type { PartProps } from '../props';
import { DEFAULT_FLOW_LIMIT, type FlowsView } from '../../types';

const VIEWS: Array<{ value: FlowsView; label: string; description: string }> = [
  { value: 'top', label: 'Top talkers', description: 'What moved the most' },
  { value: 'list', label: 'List', description: 'One by one' },
  { value: 'sankey', label: 'Sankey', description: 'Source, target and value' },
];

const ORDERS = [
  { value: 'desc', label: 'descending' },
  { value: 'asc', label: 'ascending' },
];

/** How flows are shown. */
export function FlowsOptions(props: PartProps) {
  const { query, set } = props;
  const view = query.flows ?? 'list';
  return (
    <>
      <Stack gap={0.5} wrap="wrap">
        <ChoiceField label="Show" width={18} value={view} options={VIEWS} onCommit={(flows) => set({ flows })} />
        {view === 'list' ? (
          <>
            <ChoiceField
              label="Sort by"
              width={18}
              value={query.sort ?? 'last'}
              options={FLOW_SORTS}
              custom
              onCommit={(sort) => set({ sort })}
            />
            <ChoiceField
              label="Order"
              width={16}
              value={query.order ?? 'desc'}
              options={ORDERS}
              onCommit={(order) => set({ order: order === 'asc' ? 'asc' : 'desc' })}
            />
          </>
        ) : (
          <FlowSums
            {...props}
            tooltip="What is told apart: one of these, or fields of flows such as Network.A"
            placeholder="pair"
          />
        )}
        <NumberField
          label="Limit"
          fallback={view === 'list' ? DEFAULT_FLOW_LIMIT : 20}
          max={10000}
          value={query.limit}
          onCommit={(limit) => set({ limit })}
        />
      </Stack>
      <FlowFilters {...props} />
    </>
  );
}

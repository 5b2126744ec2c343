import React from 'react';

import { FLOW_KEYS, FLOW_METRICS } from './flowChoices';
import { ChoiceField, ListField } from '../fields';
import type { PartProps } from '../props';

interface FlowSumsProps extends PartProps {
  tooltip: string;
  placeholder: string;
}

/** What flows are told apart by when they are summed up, and what is summed. */
export function FlowSums({ query, set, tooltip, placeholder }: FlowSumsProps) {
  return (
    <>
      <ListField
        label="By"
        tooltip={tooltip}
        width={30}
        value={(query.by ?? '').split(',').filter(Boolean)}
        options={FLOW_KEYS}
        placeholder={placeholder}
        onCommit={(by) => set({ by: by.join(',') || undefined })}
      />
      <ChoiceField
        label="Metric"
        width={18}
        value={query.metric ?? 'bytes'}
        options={FLOW_METRICS}
        onCommit={(metric) => set({ metric })}
      />
    </>
  );
}

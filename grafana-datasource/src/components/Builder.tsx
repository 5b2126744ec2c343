import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Button, Stack, useStyles2 } from '@grafana/ui';
import React from 'react';

import { BuilderRowEditor } from './BuilderRowEditor';
import { ChoiceField, ListField, NumberField } from './fields';
import type { Resources } from '../resources';
import type { BuilderFollow, BuilderRow, BuilderState } from '../types';

const STARTS = [
  { value: 'all', label: 'All nodes' },
  { value: 'type', label: 'Nodes of type' },
  { value: 'host', label: 'Nodes of host' },
];

const DIRECTIONS = [
  { value: 'none', label: 'Nothing', description: 'Only the nodes found' },
  { value: 'children', label: 'Children', description: 'What they own, or what hangs below them' },
  { value: 'parents', label: 'Parents', description: 'What they belong to' },
  { value: 'neighbours', label: 'Neighbours', description: 'In both directions' },
];

const RELATIONS = [
  { value: 'ownership', label: 'ownership', description: 'A host and its interfaces' },
  { value: 'layer2', label: 'layer2', description: 'A bridge and its ports, the ends of a link' },
  { value: 'vf', label: 'vf', description: 'A device and its virtual functions' },
];

interface Props {
  value: BuilderState;
  resources: Resources;
  onChange: (value: BuilderState) => void;
}

/** A query in rows: where to start, what must hold, where to go from there. */
export function Builder({ value, resources, onChange }: Props) {
  const change = (part: Partial<BuilderState>) => onChange({ ...value, ...part });
  const setRow = (i: number, row: BuilderRow) => change({ where: value.where.map((r, at) => (at === i ? row : r)) });
  const styles = useStyles2(getStyles);
  const follow = value.follow;
  const setFollow = (part: Partial<BuilderFollow>) => follow && change({ follow: { ...follow, ...part } });

  return (
    <Stack direction="column" gap={0}>
      <Stack gap={0.5} wrap="wrap">
        <ChoiceField
          label="Start with"
          width={20}
          value={value.start}
          options={STARTS}
          onCommit={(start) => change({ start, of: [] })}
        />
        {value.start === 'type' && (
          <ListField
            label="Types"
            value={value.of}
            options={() => resources.types()}
            onCommit={(of) => change({ of })}
          />
        )}
        {value.start === 'host' && (
          <ListField
            label="Hosts"
            value={value.of}
            options={() => resources.hosts()}
            onCommit={(of) => change({ of })}
          />
        )}
      </Stack>
      {value.where.map((row, i) => (
        <BuilderRowEditor
          // Rows have no identity but their place.
          key={i}
          row={row}
          resources={resources}
          onChange={(next) => setRow(i, next)}
          onRemove={() => change({ where: value.where.filter((_, at) => at !== i) })}
        />
      ))}
      <div className={styles.row}>
        <Button
          variant="secondary"
          size="sm"
          icon="plus"
          onClick={() => change({ where: [...value.where, { key: '', op: '=', values: [] }] })}
        >
          Condition
        </Button>
      </div>
      <Stack gap={0.5} wrap="wrap">
        <ChoiceField
          label="Follow to"
          width={20}
          value={follow?.direction ?? 'none'}
          options={DIRECTIONS}
          onCommit={(direction) =>
            change({
              follow: direction === 'none' ? undefined : { relation: '', depth: 1, ...follow, direction },
            })
          }
        />
        {follow && (
          <>
            <ChoiceField
              label="by"
              width={18}
              value={follow.relation}
              options={RELATIONS}
              custom
              clearable
              placeholder={follow.direction === 'neighbours' ? 'any relation' : 'ownership'}
              onCommit={(relation) => setFollow({ relation })}
            />
            <NumberField
              label="Depth"
              tooltip="How many edges; 0 is as far as it goes"
              width={8}
              min={0}
              fallback={1}
              value={follow.depth}
              onCommit={(depth) => setFollow({ depth: depth ?? 1 })}
            />
          </>
        )}
        <NumberField
          label="At most"
          tooltip="The first that are found; empty is all"
          width={10}
          fallback="all"
          value={value.limit}
          onCommit={(limit) => change({ limit })}
        />
      </Stack>
    </Stack>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  // As far apart as the fields of a row.
  row: css({ marginBottom: theme.spacing(0.5) }),
});

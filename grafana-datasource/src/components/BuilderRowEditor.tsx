import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Combobox, IconButton, Input, MultiCombobox, useStyles2, type ComboboxOption } from '@grafana/ui';
import React from 'react';

import { load, useDraft } from './fields';
import { readValue, showValue, takesNoValue, takesSeveral } from '../builder/gremlin';
import type { Resources } from '../resources';
import type { BuilderOp, BuilderRow, BuilderValue } from '../types';

const OPS: Array<ComboboxOption<BuilderOp>> = [
  { value: '=', label: 'is' },
  { value: '!=', label: 'is not' },
  { value: 'in', label: 'is one of' },
  { value: 'not in', label: 'is none of' },
  { value: 'matches', label: 'matches', description: 'A regular expression, from end to end' },
  { value: 'network', label: 'is in network', description: 'Such as 10.0.0.0/8' },
  { value: '>', label: '>' },
  { value: '>=', label: '≥' },
  { value: '<', label: '<' },
  { value: '<=', label: '≤' },
  { value: 'has', label: 'is there' },
  { value: 'lacks', label: 'is not there' },
];

interface Props {
  row: BuilderRow;
  resources: Resources;
  onChange: (row: BuilderRow) => void;
  onRemove: () => void;
}

/** One condition: a key, how it is compared, with what. */
export function BuilderRowEditor({ row, resources, onChange, onRemove }: Props) {
  const styles = useStyles2(getStyles);
  const setOp = (op: BuilderOp) => {
    const values = takesNoValue({ op }) ? [] : takesSeveral({ op }) ? row.values : row.values.slice(0, 1);
    onChange({ ...row, op, values });
  };
  return (
    <div className={styles.row}>
      <Combobox
        data-testid="row-key"
        width={26}
        placeholder="Key"
        createCustomValue
        options={load(() => resources.keys())}
        value={row.key ? { value: row.key, label: row.key } : null}
        onChange={(o) => onChange({ ...row, key: o.value })}
      />
      <Combobox data-testid="row-op" width={16} options={OPS} value={row.op} onChange={(o) => setOp(o.value)} />
      {!takesNoValue(row) && (
        <Value row={row} resources={resources} onChange={(values) => onChange({ ...row, values })} />
      )}
      <IconButton name="times" tooltip="Remove the condition" onClick={onRemove} />
    </div>
  );
}

interface ValueProps {
  row: BuilderRow;
  resources: Resources;
  onChange: (values: BuilderValue[]) => void;
}

/** What a key is compared with: chosen from what there is, or typed. */
function Value({ row, resources, onChange }: ValueProps) {
  if (row.op === 'matches' || row.op === 'network') {
    return <Pattern row={row} onChange={onChange} />;
  }
  // What is a number and what is a text is kept by how it is shown: 1500, "1500".
  const options = load(async () =>
    row.key ? (await resources.values(row.key)).map((c) => ({ ...c, value: showValue(c.value) })) : []
  );
  const shown = row.values.map((v) => ({ value: showValue(v), label: showValue(v) }));
  if (takesSeveral(row)) {
    return (
      <MultiCombobox
        key={row.key}
        data-testid="row-values"
        width={40}
        placeholder="Values"
        createCustomValue
        options={options}
        value={shown}
        onChange={(chosen) => onChange(chosen.map((o) => readValue(o.value)))}
      />
    );
  }
  return (
    <Combobox
      // What was asked for another key is not for this one.
      key={row.key}
      data-testid="row-value"
      width={30}
      placeholder="Value"
      createCustomValue
      options={options}
      value={shown[0] ?? null}
      onChange={(o) => onChange([readValue(o.value)])}
    />
  );
}

/** An expression or a network is a text, whatever it looks like. */
function Pattern({ row, onChange }: { row: BuilderRow; onChange: (values: BuilderValue[]) => void }) {
  const given = String(row.values[0] ?? '');
  const [text, setText] = useDraft(given);
  const commit = () => text !== given && onChange([text]);
  return (
    <Input
      data-testid="row-pattern"
      aria-label="Value"
      width={30}
      value={text}
      placeholder={row.op === 'network' ? '10.0.0.0/8' : 'eth\\d+'}
      onChange={(e) => setText(e.currentTarget.value)}
      onBlur={commit}
      onKeyDown={(e) => e.key === 'Enter' && commit()}
    />
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  row: css({
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'center',
    gap: theme.spacing(0.5),
    marginBottom: theme.spacing(0.5),
  }),
});

import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Button, ConfirmModal, RadioButtonGroup, useStyles2 } from '@grafana/ui';
import React, { useState } from 'react';

import { Builder } from './Builder';
import { GremlinEditor } from './GremlinEditor';
import type { Resources } from '../resources';
import type { BuilderState } from '../types';
import { EMPTY_BUILDER, toGremlin } from '../builder/gremlin';

type Mode = 'builder' | 'code';

interface Value {
  gremlin?: string;
  builder?: BuilderState;
  editor?: Mode;
}

interface Props extends Value {
  /** What the query has to give, in a few words. */
  hint: string;
  resources: Resources;
  at?: string;
  /** Without: there is only the text. */
  withBuilder?: boolean;
  onChange: (value: Value) => void;
  onRun: () => void;
}

/** modeOf is how a query is edited: as text, unless it is what its builder says. */
export function modeOf({ gremlin, builder, editor }: Value): Mode {
  const same = builder !== undefined && toGremlin(builder) === gremlin;
  return editor === 'builder' && same ? 'builder' : 'code';
}

/**
 * The query itself: put together in rows, or written. The builder writes the
 * text; a text that was changed by hand is not read back, so going back to the
 * builder begins with what it said last.
 */
export function GremlinField(props: Props) {
  const { gremlin = '', builder, hint, resources, at, withBuilder = true, onChange, onRun } = props;
  const styles = useStyles2(getStyles);
  const [asking, setAsking] = useState(false);
  const mode = withBuilder ? modeOf(props) : 'code';

  const build = (next: BuilderState) => {
    onChange({ builder: next, gremlin: toGremlin(next), editor: 'builder' });
    onRun();
  };
  const choose = (next: Mode) => {
    if (next === 'code') {
      onChange({ gremlin, builder, editor: 'code' });
      return;
    }
    const start = builder ?? EMPTY_BUILDER;
    const loses = gremlin.trim() !== '' && gremlin !== 'G' && gremlin !== toGremlin(start);
    if (loses) {
      setAsking(true);
    } else {
      build(start);
    }
  };

  return (
    <div>
      <div className={styles.head}>
        <span className={styles.title}>Gremlin</span>
        <span className={styles.hint}>{hint}</span>
        {withBuilder && (
          <RadioButtonGroup<Mode>
            size="sm"
            aria-label="Editor"
            options={[
              { value: 'builder', label: 'Builder' },
              { value: 'code', label: 'Code' },
            ]}
            value={mode}
            onChange={choose}
          />
        )}
      </div>
      {mode === 'code' ? (
        <GremlinEditor
          value={gremlin}
          resources={resources}
          at={at}
          onChange={(text) => onChange({ gremlin: text, builder, editor: 'code' })}
          onRun={onRun}
        />
      ) : (
        <>
          <Builder value={builder ?? EMPTY_BUILDER} resources={resources} onChange={build} />
          <div className={styles.preview}>
            <code data-testid="gremlin-preview">{gremlin}</code>
            <Button variant="secondary" size="sm" fill="text" icon="pen" onClick={() => choose('code')}>
              Edit as code
            </Button>
          </div>
        </>
      )}
      <ConfirmModal
        isOpen={asking}
        title="Replace the query?"
        body="The builder cannot read a query that was written by hand. It begins with what it said last, and the text is replaced."
        confirmText="Replace"
        onConfirm={() => {
          setAsking(false);
          build(builder ?? EMPTY_BUILDER);
        }}
        onDismiss={() => setAsking(false)}
      />
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  head: css({
    display: 'flex',
    alignItems: 'center',
    gap: theme.spacing(1),
    marginBottom: theme.spacing(0.5),
  }),
  title: css({ fontSize: theme.typography.bodySmall.fontSize, fontWeight: theme.typography.fontWeightMedium }),
  hint: css({
    flexGrow: 1,
    fontSize: theme.typography.bodySmall.fontSize,
    color: theme.colors.text.secondary,
  }),
  preview: css({
    display: 'flex',
    alignItems: 'center',
    gap: theme.spacing(1),
    marginTop: theme.spacing(0.5),
    code: { margin: 0, overflowWrap: 'anywhere', whiteSpace: 'pre-wrap' },
  }),
});

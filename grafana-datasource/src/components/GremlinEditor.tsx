import { CodeEditor, type Monaco, type MonacoEditor } from '@grafana/ui';
import { getTemplateSrv } from '@grafana/runtime';
import React, { useEffect, useRef, useState } from 'react';

import { LANGUAGE, attach, register } from '../gremlin/language';
import { watchErrors } from '../gremlin/markers';
import type { Resources } from '../resources';
import { interpolateGremlin } from '../templating';

const MIN_HEIGHT = 58;
const MAX_HEIGHT = 320;

interface Props {
  value: string;
  resources: Resources;
  /** The time whose keys and values are offered; empty is now. */
  at?: string;
  onChange: (value: string) => void;
  onRun: () => void;
}

/** A query as text: coloured, completed, explained and checked by the server. */
export function GremlinEditor({ value, resources, at = '', onChange, onRun }: Props) {
  const [height, setHeight] = useState(MIN_HEIGHT);
  // The editor keeps the functions it was mounted with: they look here.
  const latest = useRef({ value, resources, at, onChange, onRun });
  useEffect(() => {
    latest.current = { value, resources, at, onChange, onRun };
  });
  const watching = useRef<{ dispose(): void }>(undefined);
  useEffect(() => () => watching.current?.dispose(), []);

  const commit = (text: string) => {
    const { value, onChange, onRun } = latest.current;
    if (text !== value) {
      onChange(text);
    }
    onRun();
  };

  const onMount = (editor: MonacoEditor, monaco: Monaco) => {
    const model = editor.getModel();
    if (model) {
      attach(model, {
        resources: latest.current.resources,
        at: () => latest.current.at,
        variables: () =>
          getTemplateSrv()
            .getVariables()
            .map((v) => v.name),
      });
    }
    editor.addAction({
      id: 'skein-run-query',
      label: 'Run query',
      keybindings: [monaco.KeyMod.CtrlCmd | monaco.KeyCode.Enter],
      run: () => commit(editor.getValue()),
    });
    const fit = () => setHeight(Math.min(Math.max(editor.getContentHeight() + 4, MIN_HEIGHT), MAX_HEIGHT));
    editor.onDidContentSizeChange(fit);
    fit();
    watching.current = watchErrors(monaco, editor, {
      interpolate: (text) => interpolateGremlin(text, getTemplateSrv()),
      check: (text) => latest.current.resources.check(text),
    });
  };

  return (
    <CodeEditor
      language={LANGUAGE}
      value={value}
      height={height}
      showMiniMap={false}
      showLineNumbers={false}
      wordWrap
      monacoOptions={{
        fixedOverflowWidgets: true,
        scrollBeyondLastLine: false,
        overviewRulerLanes: 0,
        folding: false,
        renderLineHighlight: 'none',
        lineNumbersMinChars: 2,
        padding: { top: 6, bottom: 6 },
        scrollbar: { alwaysConsumeMouseWheel: false, verticalScrollbarSize: 8 },
        suggest: { showWords: false, showIcons: true },
        quickSuggestions: { other: true, strings: true, comments: false },
        wordBasedSuggestions: false,
        unicodeHighlight: { ambiguousCharacters: false },
      }}
      onBeforeEditorMount={register}
      onEditorDidMount={onMount}
      onBlur={(text) => text !== latest.current.value && commit(text)}
      onSave={commit}
    />
  );
}

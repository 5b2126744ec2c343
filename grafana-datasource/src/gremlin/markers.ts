import type { Monaco, MonacoEditor, monacoTypes } from '@grafana/ui';

import type { Verdict } from '../resources';
import type { Interpolated } from '../templating';
import { fromBytes } from './offsets';

type Model = Pick<monacoTypes.editor.ITextModel, 'getValue' | 'getPositionAt' | 'getWordAtPosition'>;

/** How long nothing must be typed before a query is checked, in milliseconds. */
const QUIET = 400;

const OWNER = 'skein';

/**
 * markersOf marks the place that the server names. The server saw the text with
 * its variables filled in and counts in bytes; a mistake in what a variable
 * stands for is marked at the variable.
 */
export function markersOf(
  monaco: Monaco,
  model: Model,
  checked: Interpolated,
  verdict: Verdict
): monacoTypes.editor.IMarkerData[] {
  if (verdict.ok || !verdict.error) {
    return [];
  }
  const written = model.getValue();
  const offset = verdict.error.position
    ? checked.original(fromBytes(checked.text, verdict.error.position.offset))
    : written.length;
  const place = model.getPositionAt(offset);
  const word = model.getWordAtPosition(place);
  const inWord = word && word.startColumn <= place.column && place.column < word.endColumn;
  // At the very end there is nothing to underline but what is before it.
  const atEnd = offset >= written.length && place.column > 1 && !inWord;
  return [
    {
      severity: monaco.MarkerSeverity.Error,
      message: verdict.error.message,
      startLineNumber: place.lineNumber,
      startColumn: atEnd ? place.column - 1 : place.column,
      endLineNumber: place.lineNumber,
      endColumn: inWord ? word.endColumn : atEnd ? place.column : place.column + 1,
    },
  ];
}

/** What a text is checked with. */
export interface Checker {
  interpolate(text: string): Interpolated;
  check(text: string): Promise<Verdict>;
}

/** watchErrors checks a query whenever its text has changed, until it is disposed of. */
export function watchErrors(monaco: Monaco, editor: MonacoEditor, checker: Checker): { dispose(): void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let round = 0;
  const run = async () => {
    const model = editor.getModel();
    if (!model) {
      return;
    }
    const mine = ++round;
    const checked = checker.interpolate(model.getValue());
    let verdict: Verdict = { ok: true };
    if (checked.text.trim() !== '') {
      try {
        verdict = await checker.check(checked.text);
      } catch {
        // The query's own answer tells what is wrong with the server.
      }
    }
    if (mine === round && !model.isDisposed()) {
      monaco.editor.setModelMarkers(model, OWNER, markersOf(monaco, model, checked, verdict));
    }
  };
  const listening = editor.onDidChangeModelContent(() => {
    clearTimeout(timer);
    timer = setTimeout(run, QUIET);
  });
  timer = setTimeout(run, 0);
  return {
    dispose() {
      round++;
      clearTimeout(timer);
      listening.dispose();
    },
  };
}

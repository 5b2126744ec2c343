import type { Monaco, monacoTypes } from '@grafana/ui';

import type { Completion, CompletionItem } from '../resources';
import type { EditorContext } from './language';
import { fromBytes, toBytes } from './offsets';
import { quote } from './text';

type Model = Pick<monacoTypes.editor.ITextModel, 'getValue' | 'getOffsetAt' | 'getPositionAt'>;

/** completions asks the server what can stand at a place. Without an answer nothing is offered. */
export async function completions(
  monaco: Monaco,
  model: Model,
  position: monacoTypes.IPosition,
  context: EditorContext
): Promise<monacoTypes.languages.CompletionList | undefined> {
  const text = model.getValue();
  const place = model.getOffsetAt(position);
  let answer: Completion;
  try {
    answer = await context.resources.complete(text, toBytes(text, place), context.at());
  } catch {
    return undefined;
  }
  const from = model.getPositionAt(fromBytes(text, answer.from));
  const to = model.getPositionAt(fromBytes(text, answer.to));
  const range: monacoTypes.IRange = {
    startLineNumber: from.lineNumber,
    startColumn: from.column,
    endLineNumber: to.lineNumber,
    endColumn: to.column,
  };
  const items = answer.items ?? [];
  const closed = text[fromBytes(text, answer.to)] === ')';
  const suggestions = items.map((item, i) => suggestion(monaco, item, i, range, closed));
  if (items.some((item) => item.kind === 'value')) {
    suggestions.push(...context.variables().map((name, i) => variable(monaco, name, items.length + i, range)));
  }
  return { suggestions, incomplete: Boolean(answer.more) };
}

function suggestion(
  monaco: Monaco,
  item: CompletionItem,
  rank: number,
  range: monacoTypes.IRange,
  closed: boolean
): monacoTypes.languages.CompletionItem {
  const opens = item.insert.endsWith('(');
  const snippet = opens && !closed;
  return {
    label: { label: item.text, description: item.count ? `${item.count}×` : undefined },
    kind: kindOf(monaco, item.kind),
    insertText: snippet ? `${item.insert.replace(/[\\$}]/g, '\\$&')}$0)` : item.insert,
    insertTextRules: snippet ? monaco.languages.CompletionItemInsertTextRule.InsertAsSnippet : undefined,
    // What is typed includes the quotes, the label does not.
    filterText: item.insert,
    sortText: sortText(rank),
    detail: item.detail,
    range,
    command: opens ? { id: 'editor.action.triggerSuggest', title: '' } : undefined,
  };
}

function variable(
  monaco: Monaco,
  name: string,
  rank: number,
  range: monacoTypes.IRange
): monacoTypes.languages.CompletionItem {
  const insertText = quote('$' + name);
  return {
    label: { label: '$' + name, description: 'variable' },
    kind: monaco.languages.CompletionItemKind.Variable,
    insertText,
    filterText: insertText,
    sortText: sortText(rank),
    range,
  };
}

/** sortText keeps the server's order: the best are first. */
function sortText(rank: number): string {
  return String(rank).padStart(6, '0');
}

function kindOf(monaco: Monaco, kind: CompletionItem['kind']): monacoTypes.languages.CompletionItemKind {
  const { CompletionItemKind } = monaco.languages;
  switch (kind) {
    case 'step':
      return CompletionItemKind.Method;
    case 'function':
      return CompletionItemKind.Function;
    case 'key':
      return CompletionItemKind.Field;
    case 'value':
      return CompletionItemKind.Value;
    default:
      return CompletionItemKind.Keyword;
  }
}

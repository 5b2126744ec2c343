import type { Monaco, MonacoEditor } from '@grafana/ui';

import { completions } from './completion';
import { describe as describeStep, hover } from './hover';
import { LANGUAGE, TOKENS, attach, register, type EditorContext } from './language';
import { markersOf, watchErrors } from './markers';
import type { Completion, StepHelp, Verdict } from '../resources';
import { interpolateGremlin } from '../templating';
import { fakeResources, fakeTemplates } from '../testing';

/** What of the editor's own classes is needed. */
function fakeModel(text: string) {
  const position = (offset: number) => {
    const before = text.slice(0, offset).split('\n');
    return { lineNumber: before.length, column: before[before.length - 1].length + 1 };
  };
  const offset = ({ lineNumber, column }: { lineNumber: number; column: number }) =>
    text
      .split('\n')
      .slice(0, lineNumber - 1)
      .reduce((n, l) => n + l.length + 1, 0) +
    column -
    1;
  return {
    getValue: () => text,
    getPositionAt: position,
    getOffsetAt: offset,
    isDisposed: () => false,
    getWordAtPosition: (at: { lineNumber: number; column: number }) => {
      const line = text.split('\n')[at.lineNumber - 1];
      for (const m of line.matchAll(/\w+/g)) {
        if (m.index < at.column && at.column <= m.index + m[0].length + 1) {
          return { word: m[0], startColumn: m.index + 1, endColumn: m.index + m[0].length + 1 };
        }
      }
      return null;
    },
  } as unknown as ReturnType<MonacoEditor['getModel']> & object;
}

const monaco = {
  languages: {
    CompletionItemKind: { Method: 0, Function: 1, Field: 3, Variable: 4, Value: 13, Keyword: 17 },
    CompletionItemInsertTextRule: { InsertAsSnippet: 4 },
    getLanguages: jest.fn(() => [] as Array<{ id: string }>),
    register: jest.fn(),
    setMonarchTokensProvider: jest.fn(),
    setLanguageConfiguration: jest.fn(),
    registerCompletionItemProvider: jest.fn(),
    registerHoverProvider: jest.fn(),
  },
  MarkerSeverity: { Error: 8 },
  editor: { setModelMarkers: jest.fn() },
} as unknown as Monaco;

function contextWith(answer: Partial<Completion> | Error, steps: StepHelp[] = []): EditorContext {
  return {
    resources: fakeResources({
      complete: () =>
        answer instanceof Error ? Promise.reject(answer) : Promise.resolve({ from: 0, to: 0, items: [], ...answer }),
      steps: () => Promise.resolve(steps),
    }),
    at: () => '2026-03-01T12:00:00.000Z',
    variables: () => ['host'],
  };
}

describe('completions', () => {
  it('asks in bytes, and gives places in columns', async () => {
    const text = "G.V('Näme', '🦆')\n.Has('Ty";
    const context = contextWith({
      from: Buffer.byteLength("G.V('Näme', '🦆')\n.Has("),
      to: Buffer.byteLength(text),
      items: [{ kind: 'key', text: 'Type', insert: "'Type'", detail: 'veth', count: 12 }],
      more: true,
    });
    const model = fakeModel(text);
    const list = await completions(monaco, model, { lineNumber: 2, column: 9 }, context);
    expect(context.resources.complete).toHaveBeenCalledWith(text, Buffer.byteLength(text), '2026-03-01T12:00:00.000Z');
    expect(list).toEqual({
      incomplete: true,
      suggestions: [
        {
          label: { label: 'Type', description: '12×' },
          kind: 3,
          insertText: "'Type'",
          filterText: "'Type'",
          sortText: '000000',
          detail: 'veth',
          range: { startLineNumber: 2, startColumn: 6, endLineNumber: 2, endColumn: 9 },
        },
      ],
    });
  });

  it('closes parentheses that an item opens, and goes on', async () => {
    const items = [{ kind: 'step' as const, text: 'Has', insert: 'Has(' }];
    const open = await completions(
      monaco,
      fakeModel('G.'),
      { lineNumber: 1, column: 3 },
      contextWith({ from: 2, to: 2, items })
    );
    expect(open?.suggestions[0]).toMatchObject({
      kind: 0,
      insertText: 'Has($0)',
      insertTextRules: 4,
      command: { id: 'editor.action.triggerSuggest' },
    });
    const closed = await completions(
      monaco,
      fakeModel('G.)'),
      { lineNumber: 1, column: 3 },
      contextWith({ from: 2, to: 2, items })
    );
    expect(closed?.suggestions[0]).toMatchObject({ insertText: 'Has(', insertTextRules: undefined });
  });

  it('offers variables where values stand', async () => {
    const items = [{ kind: 'value' as const, text: 'veth', insert: "'veth'" }];
    const list = await completions(monaco, fakeModel('x'), { lineNumber: 1, column: 2 }, contextWith({ items }));
    expect(list?.suggestions.map((s) => s.insertText)).toEqual(["'veth'", "'$host'"]);
    expect(list?.suggestions[1]).toMatchObject({ kind: 4, sortText: '000001' });
  });

  it('offers nothing when the server does not answer', async () => {
    const context = contextWith(new Error('away'));
    expect(await completions(monaco, fakeModel('G.'), { lineNumber: 1, column: 3 }, context)).toBeUndefined();
    const empty = await completions(
      monaco,
      fakeModel('G.'),
      { lineNumber: 1, column: 3 },
      contextWith({ items: null })
    );
    expect(empty?.suggestions).toEqual([]);
  });
});

describe('hover', () => {
  const has: StepHelp = {
    name: 'Has',
    arguments: '(key, value …)',
    on: ['nodes', 'edges'],
    gives: ['nodes', 'edges'],
    detail: 'Keeps what has a key.',
    example: "G.V().Has('Name')",
  };

  it('explains steps, in any case', async () => {
    const got = await hover(fakeModel("G.V().has('x')"), { lineNumber: 1, column: 8 }, contextWith({}, [has]));
    expect(got?.range).toMatchObject({ startColumn: 7, endColumn: 10 });
    expect(got?.contents.map((c) => c.value)).toEqual(describeStep(has));
    expect(describeStep(has)).toEqual([
      '**Has** `(key, value …)`',
      'Keeps what has a key.',
      'nodes, edges → nodes, edges',
      "```\nG.V().Has('Name')\n```",
    ]);
  });

  it.each([
    ["G.V().Xyz('x')", 8],
    ['', 1],
  ])('says nothing of %j', async (text, column) => {
    expect(await hover(fakeModel(text), { lineNumber: 1, column }, contextWith({}, [has]))).toBeUndefined();
  });
});

describe('markers', () => {
  const refused = (offset: number): Verdict => ({
    ok: false,
    error: { code: 'syntax', message: 'unknown step Hsa', position: { offset, line: 1, column: offset + 1 } },
  });
  const mark = (text: string, verdict: Verdict, variables = {}) =>
    markersOf(monaco, fakeModel(text), interpolateGremlin(text, fakeTemplates(variables)), verdict);

  it('marks the word at the place that the server names', () => {
    const text = "G.V('Näme🦆').Hsa('x')";
    const offset = Buffer.byteLength("G.V('Näme🦆').");
    expect(mark(text, refused(offset))).toEqual([
      {
        severity: 8,
        message: 'unknown step Hsa',
        startLineNumber: 1,
        startColumn: text.indexOf('Hsa') + 1,
        endLineNumber: 1,
        endColumn: text.indexOf('Hsa') + 4,
      },
    ]);
  });

  it('marks what was written, not what a variable stands for', () => {
    const text = "G.V('$name').Hsa()";
    const [marker] = mark(text, refused(Buffer.byteLength("G.V('näm').")), { name: 'näm' });
    expect(marker.startColumn).toBe(text.indexOf('Hsa') + 1);
  });

  it('marks the last character when the end is the mistake', () => {
    expect(mark('G.V(', refused(4))).toMatchObject([{ startColumn: 4, endColumn: 5 }]);
    expect(mark('', refused(0))).toMatchObject([{ startColumn: 1, endColumn: 2 }]);
  });

  it('marks nothing of a query that is one', () => {
    expect(mark('G', { ok: true })).toEqual([]);
    expect(mark('G.V(', { ok: false, error: { code: 'type', message: 'no' } })).toHaveLength(1);
  });
});

describe('watchErrors', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  function fakeEditor(text: string) {
    let changed = () => {};
    const dispose = jest.fn();
    const editor = {
      getModel: () => fakeModel(text),
      onDidChangeModelContent: (f: () => void) => {
        changed = f;
        return { dispose };
      },
    } as unknown as MonacoEditor;
    return { editor, change: () => changed(), dispose };
  }

  it('checks at once, then when nothing was typed for a while; the newest answer counts', async () => {
    const set = jest.mocked(monaco.editor.setModelMarkers);
    set.mockClear();
    const answers: Array<(v: Verdict) => void> = [];
    const check = jest.fn(() => new Promise<Verdict>((resolve) => answers.push(resolve)));
    const { editor, change, dispose } = fakeEditor('G.Hsa()');
    const watching = watchErrors(monaco, editor, {
      interpolate: (t) => interpolateGremlin(t, fakeTemplates({})),
      check,
    });
    jest.advanceTimersByTime(0);
    expect(check).toHaveBeenCalledTimes(1);
    change();
    jest.advanceTimersByTime(200);
    change();
    jest.advanceTimersByTime(399);
    expect(check).toHaveBeenCalledTimes(1);
    jest.advanceTimersByTime(1);
    expect(check).toHaveBeenCalledTimes(2);
    answers[1]({ ok: false, error: { code: 'syntax', message: 'newest' } });
    answers[0]({ ok: false, error: { code: 'syntax', message: 'oldest' } });
    await jest.advanceTimersByTimeAsync(0);
    expect(set).toHaveBeenCalledTimes(1);
    expect(set.mock.calls[0][2]).toMatchObject([{ message: 'newest' }]);
    change();
    watching.dispose();
    jest.advanceTimersByTime(1000);
    expect(check).toHaveBeenCalledTimes(2);
    expect(dispose).toHaveBeenCalled();
  });

  it('marks nothing when the server is away, and does not ask about nothing', async () => {
    const set = jest.mocked(monaco.editor.setModelMarkers);
    set.mockClear();
    const check = jest.fn(() => Promise.reject(new Error('away')));
    const interpolate = (t: string) => interpolateGremlin(t, fakeTemplates({}));
    const a = watchErrors(monaco, fakeEditor('G').editor, { interpolate, check });
    const b = watchErrors(monaco, fakeEditor('  ').editor, { interpolate, check });
    await jest.advanceTimersByTimeAsync(0);
    expect(check).toHaveBeenCalledTimes(1);
    expect(set.mock.calls.map((c) => c[2])).toEqual([[], []]);
    a.dispose();
    b.dispose();
  });
});

describe('register', () => {
  it('makes the language known once, and asks for the editor of a model', async () => {
    register(monaco);
    jest.mocked(monaco.languages.getLanguages).mockReturnValue([{ id: LANGUAGE }]);
    register(monaco);
    expect(monaco.languages.register).toHaveBeenCalledTimes(1);

    const { provideCompletionItems } = jest.mocked(monaco.languages.registerCompletionItemProvider).mock.calls[0][1];
    const { provideHover } = jest.mocked(monaco.languages.registerHoverProvider).mock.calls[0][1];
    const model = fakeModel('G.');
    const at = { lineNumber: 1, column: 2 } as never;
    const none = undefined as never;
    expect(provideCompletionItems(model as never, at, none, none)).toBeUndefined();
    expect(provideHover(model as never, at, none)).toBeUndefined();
    const context = contextWith({ items: [{ kind: 'step', text: 'V', insert: 'V()' }] });
    attach(model, context);
    expect(await provideCompletionItems(model as never, at, none, none)).toMatchObject({
      suggestions: [{ insertText: 'V()' }],
    });
    expect(await provideHover(model as never, at, none)).toBeUndefined();
    expect(context.resources.steps).toHaveBeenCalled();
  });

  it('colours what a query is made of', () => {
    // The rules as the editor applies them: the first that matches at a place.
    const colours = (text: string) => {
      const rules = TOKENS.tokenizer;
      const stack = ['root'];
      const out: string[] = [];
      const named = (source: string) => source.replace(/@(\w+)/g, (_, name: string) => (TOKENS[name] as RegExp).source);
      for (let i = 0; i < text.length;) {
        const rule = (
          rules[stack[stack.length - 1]] as Array<
            [RegExp, string | { token?: string; next?: string; cases?: Record<string, string> }]
          >
        ).find(([re]) => new RegExp(`^(?:${named(re.source)})`, re.flags).test(text.slice(i)));
        if (!rule) {
          return [...out, `? ${text.slice(i)}`];
        }
        const found = new RegExp(`^(?:${named(rule[0].source)})`, rule[0].flags).exec(text.slice(i))?.[0] ?? '';
        const action = rule[1];
        const token =
          typeof action === 'string'
            ? action
            : (action.token ??
              Object.entries(action.cases ?? {}).find(
                ([re]) => re === '@default' || new RegExp(`^(?:${re})$`).test(found)
              )?.[1] ??
              '');
        if (typeof action === 'object' && action.next) {
          if (action.next === '@pop') {
            stack.pop();
          } else {
            stack.push(action.next.slice(1));
          }
        }
        out.push(`${token}:${found}`);
        i += found.length;
      }
      return out.filter((t) => !/^(white|delimiter|string\.quote):/.test(t));
    };
    expect(colours(`G.V().Has('MTU', GT(-1.5))`)).toEqual([
      'type:G',
      'keyword:V',
      'keyword:Has',
      'string:MTU',
      'predefined:GT',
      'number:-1.5',
    ]);
    expect(colours(`V('a\\'b$host', TRUE, "\${x:raw}")`)).toEqual([
      'keyword:V',
      'string:a',
      "string.escape:\\'",
      'string:b',
      'variable:$host',
      'constant:TRUE',
      'variable:${x:raw}',
    ]);
  });
});

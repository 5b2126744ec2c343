import type { Monaco, monacoTypes } from '@grafana/ui';

import { completions } from './completion';
import { hover } from './hover';
import type { Resources } from '../resources';

/** The name of the language in the editor. */
export const LANGUAGE = 'skein-gremlin';

/** What the editor of one query knows that the language does not. */
export interface EditorContext {
  resources: Resources;
  /** The time whose keys and values are offered; empty is now. */
  at(): string;
  /** Names of variables that can be written in the query. */
  variables(): string[];
}

/** TOKENS colours a query: steps, functions, values, variables. */
export const TOKENS: monacoTypes.languages.IMonarchLanguage = {
  defaultToken: '',
  ignoreCase: false,
  escapes: /\\(?:[\\'"nt]|u[0-9A-Fa-f]{4})/,
  reference: /\$\{[^}]*\}|\$\w+|\[\[\w+(?::\w+)?\]\]/,
  tokenizer: {
    root: [
      [/@reference/, 'variable'],
      [/[A-Za-z_]\w*(?=\s*\()/, { cases: { '[A-Z0-9_]{2,}': 'predefined', '@default': 'keyword' } }],
      [/G\b/, 'type'],
      [/(?:TRUE|FALSE|ASC|DESC|NOW|FOREVER)\b/i, 'constant'],
      [/[A-Za-z_]\w*/, 'identifier'],
      [/-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/, 'number'],
      [/'/, { token: 'string.quote', next: '@single' }],
      [/"/, { token: 'string.quote', next: '@double' }],
      [/[().,]/, 'delimiter'],
      [/\s+/, 'white'],
    ],
    single: [
      [/@reference/, 'variable'],
      [/@escapes/, 'string.escape'],
      [/'/, { token: 'string.quote', next: '@pop' }],
      [/[^\\'$[]+/, 'string'],
      [/./, 'string'],
    ],
    double: [
      [/@reference/, 'variable'],
      [/@escapes/, 'string.escape'],
      [/"/, { token: 'string.quote', next: '@pop' }],
      [/[^\\"$[]+/, 'string'],
      [/./, 'string'],
    ],
  },
};

const CONFIGURATION: monacoTypes.languages.LanguageConfiguration = {
  brackets: [['(', ')']],
  autoClosingPairs: [
    { open: '(', close: ')' },
    { open: "'", close: "'", notIn: ['string'] },
    { open: '"', close: '"', notIn: ['string'] },
  ],
  surroundingPairs: [
    { open: '(', close: ')' },
    { open: "'", close: "'" },
    { open: '"', close: '"' },
  ],
};

// The editor has one registry of languages for the whole page; which editor
// belongs to which datasource is known by its text model.
const contexts = new WeakMap<object, EditorContext>();

/** attach tells the language what the editor of a model knows. */
export function attach(model: object, context: EditorContext): void {
  contexts.set(model, context);
}

/** register makes the language known, once on a page. */
export function register(monaco: Monaco): void {
  const { languages } = monaco;
  if (languages.getLanguages().some((l) => l.id === LANGUAGE)) {
    return;
  }
  languages.register({ id: LANGUAGE });
  languages.setMonarchTokensProvider(LANGUAGE, TOKENS);
  languages.setLanguageConfiguration(LANGUAGE, CONFIGURATION);
  languages.registerCompletionItemProvider(LANGUAGE, {
    triggerCharacters: ['.', '(', "'", '"', ',', ' '],
    provideCompletionItems: (model, position) => {
      const context = contexts.get(model);
      return context ? completions(monaco, model, position, context) : undefined;
    },
  });
  languages.registerHoverProvider(LANGUAGE, {
    provideHover: (model, position) => {
      const context = contexts.get(model);
      return context ? hover(model, position, context) : undefined;
    },
  });
}

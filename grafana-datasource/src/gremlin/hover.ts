import type { monacoTypes } from '@grafana/ui';

import type { StepHelp } from '../resources';
import type { EditorContext } from './language';

type Model = Pick<monacoTypes.editor.ITextModel, 'getWordAtPosition'>;

/** hover tells what the step or function under the pointer does. */
export async function hover(
  model: Model,
  position: monacoTypes.IPosition,
  context: EditorContext
): Promise<monacoTypes.languages.Hover | undefined> {
  const word = model.getWordAtPosition(position);
  if (!word) {
    return undefined;
  }
  let steps: StepHelp[];
  try {
    steps = await context.resources.steps();
  } catch {
    return undefined;
  }
  const found = steps.find((s) => s.name.toLowerCase() === word.word.toLowerCase());
  if (!found) {
    return undefined;
  }
  return {
    contents: describe(found).map((value) => ({ value })),
    range: {
      startLineNumber: position.lineNumber,
      startColumn: word.startColumn,
      endLineNumber: position.lineNumber,
      endColumn: word.endColumn,
    },
  };
}

/** describe writes the help for a step in Markdown, one piece for each paragraph. */
export function describe(step: StepHelp): string[] {
  const out = [`**${step.name}**${step.arguments ? ` \`${step.arguments}\`` : ''}`, step.detail];
  if (step.on?.length && step.gives?.length) {
    out.push(`${step.on.join(', ')} → ${step.gives.join(', ')}`);
  }
  if (step.example) {
    out.push('```\n' + step.example + '\n```');
  }
  return out;
}

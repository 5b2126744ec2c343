import { Combobox, InlineField, InlineSwitch, Input, MultiCombobox, type ComboboxOption } from '@grafana/ui';
import React, { useId, useState } from 'react';

import type { Choice } from '../resources';

/** Columns of 8 px that labels of a row take. */
export const LABEL_WIDTH = 16;

interface Common {
  label: string;
  tooltip?: string;
  width?: number;
  disabled?: boolean;
}

/** useDraft is what is being typed, until the value changes from elsewhere. */
export function useDraft(value: string): [string, (text: string) => void] {
  const [draft, setDraft] = useState({ of: value, text: value });
  if (draft.of !== value) {
    setDraft({ of: value, text: value });
  }
  return [draft.of === value ? draft.text : value, (text) => setDraft({ of: value, text })];
}

interface TextProps extends Common {
  value?: string;
  placeholder?: string;
  onCommit: (value: string) => void;
}

/** A text that counts when it is left, or Enter is pressed. */
export function TextField({ label, tooltip, width = 30, value = '', placeholder, disabled, onCommit }: TextProps) {
  const id = useId();
  const [text, setText] = useDraft(value);
  const commit = () => {
    if (text !== value) {
      onCommit(text);
    }
  };
  return (
    <InlineField label={label} tooltip={tooltip} labelWidth="auto" disabled={disabled}>
      <Input
        id={id}
        width={width}
        value={text}
        placeholder={placeholder}
        onChange={(e) => setText(e.currentTarget.value)}
        onBlur={commit}
        onKeyDown={(e) => e.key === 'Enter' && commit()}
      />
    </InlineField>
  );
}

interface NumberProps extends Common {
  value?: number;
  /** What counts when nothing is written. */
  fallback: number | string;
  min?: number;
  max?: number;
  onCommit: (value: number | undefined) => void;
}

/** A whole number that counts when it is left, or Enter is pressed; undefined when it is emptied. */
export function NumberField({
  label,
  tooltip,
  width = 12,
  value,
  fallback,
  min = 1,
  max,
  disabled,
  onCommit,
}: NumberProps) {
  const id = useId();
  const shown = value === undefined ? '' : String(value);
  const [text, setText] = useDraft(shown);
  const commit = () => {
    const n = Number.parseInt(text, 10);
    const next = Number.isNaN(n) ? undefined : Math.min(Math.max(n, min), max ?? n);
    setText(next === undefined ? '' : String(next));
    if (next !== value) {
      onCommit(next);
    }
  };
  return (
    <InlineField label={label} tooltip={tooltip} labelWidth="auto" disabled={disabled}>
      <Input
        id={id}
        type="number"
        width={width}
        min={min}
        max={max}
        value={text}
        placeholder={String(fallback)}
        onChange={(e) => setText(e.currentTarget.value)}
        onBlur={commit}
        onKeyDown={(e) => e.key === 'Enter' && commit()}
      />
    </InlineField>
  );
}

interface SwitchProps extends Common {
  value: boolean;
  onCommit: (value: boolean) => void;
}

/** Something that is or is not. */
export function SwitchField({ label, tooltip, value, disabled, onCommit }: SwitchProps) {
  const id = useId();
  return (
    <InlineField label={label} tooltip={tooltip} labelWidth="auto" disabled={disabled}>
      <InlineSwitch id={id} value={value} onChange={(e) => onCommit(e.currentTarget.checked)} />
    </InlineField>
  );
}

/** What can be chosen: known beforehand, or asked for when the menu opens. */
export type Options = Array<ComboboxOption<string>> | ((typed: string) => Promise<Choice[]>);

interface ChoiceProps<T extends string> extends Common {
  value: T;
  options: Options;
  /** Whether something else than the options can be written. */
  custom?: boolean;
  clearable?: boolean;
  placeholder?: string;
  onCommit: (value: T) => void;
}

/** One of several. */
export function ChoiceField<T extends string>(props: ChoiceProps<T>) {
  const { label, tooltip, width = 25, value, options, custom, clearable, placeholder, disabled, onCommit } = props;
  const id = useId();
  const common = {
    id,
    width,
    placeholder,
    disabled,
    options: load(options),
    createCustomValue: custom,
    value: value === '' ? null : Array.isArray(options) ? value : { value, label: value },
  };
  // The options are of the type of the value, or the writer's own words.
  const pick = (o: ComboboxOption<string> | null) => onCommit((o?.value ?? '') as T);
  return (
    <InlineField label={label} tooltip={tooltip} labelWidth="auto" disabled={disabled}>
      {clearable ? <Combobox {...common} isClearable onChange={pick} /> : <Combobox {...common} onChange={pick} />}
    </InlineField>
  );
}

interface ListProps extends Common {
  value: string[];
  options: Options;
  custom?: boolean;
  placeholder?: string;
  onCommit: (value: string[]) => void;
}

/** Several, in the order in which they were chosen. */
export function ListField(props: ListProps) {
  const { label, tooltip, width = 40, value, options, custom = true, placeholder, disabled, onCommit } = props;
  const id = useId();
  return (
    <InlineField label={label} tooltip={tooltip} labelWidth="auto" disabled={disabled}>
      <MultiCombobox
        id={id}
        // Before 12.4 the label does not lead to the field: tests need another way.
        data-testid={`list ${label}`}
        width={width}
        placeholder={placeholder}
        disabled={disabled}
        options={load(options)}
        createCustomValue={custom}
        value={value.map((v) => ({ value: v, label: labelOf(options, v) }))}
        onChange={(chosen) => onCommit(chosen.map((o) => o.value))}
      />
    </InlineField>
  );
}

function labelOf(options: Options, value: string): string {
  return (Array.isArray(options) && options.find((o) => o.value === value)?.label) || value;
}

/** load gives the form of options that the menu wants, those that are asked for filtered by what is typed. */
export function load(
  options: Options
): Array<ComboboxOption<string>> | ((typed: string) => Promise<Array<ComboboxOption<string>>>) {
  if (Array.isArray(options)) {
    return options;
  }
  return async (typed) => {
    const needle = typed.toLowerCase();
    const all = await options(typed).catch((): Choice[] => []);
    return all
      .filter((c) => c.text.toLowerCase().includes(needle) || String(c.value).toLowerCase().includes(needle))
      .map((c) => ({ value: String(c.value), label: c.text, description: c.detail }));
  };
}

// How texts and values are written in a query.

/** escapeText escapes what would end a text in quotes, or be taken for an escape. */
export function escapeText(text: string): string {
  return text
    .replace(/\\/g, '\\\\')
    .replace(/'/g, "\\'")
    .replace(/"/g, '\\"')
    .replace(/\n/g, '\\n')
    .replace(/\t/g, '\\t')
    .replace(/\r/g, '\\u000d');
}

/** quote writes a text as a literal. */
export function quote(text: string): string {
  return `'${escapeText(text)}'`;
}

/** literal writes a value: numbers and truth stand without quotes. */
export function literal(value: string | number | boolean): string {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? String(value) : quote(String(value));
    case 'boolean':
      return value ? 'TRUE' : 'FALSE';
    default:
      return quote(value);
  }
}

/** readLiteral reads what stands for a value in a query; undefined when it does not. */
export function readLiteral(text: string): string | number | boolean | undefined {
  const quoted = /^(['"])(.*)\1$/s.exec(text.trim());
  if (quoted) {
    return quoted[2].replace(/\\(?:([\\'"])|n|t|u([0-9A-Fa-f]{4}))/g, (all, same?: string, hex?: string) =>
      same ? same : hex ? String.fromCharCode(Number.parseInt(hex, 16)) : all === '\\n' ? '\n' : '\t'
    );
  }
  if (/^(true|false)$/i.test(text)) {
    return text.toLowerCase() === 'true';
  }
  return /^-?\d/.test(text) && Number.isFinite(Number(text)) ? Number(text) : undefined;
}

/** A stretch of a query's text: inside of quotes (without these), or outside. */
export interface Segment {
  from: number;
  to: number;
  quoted: boolean;
}

/** segments cuts a query's text at its quotes. The text need not be a query yet. */
export function segments(text: string): Segment[] {
  const out: Segment[] = [];
  let from = 0;
  let i = 0;
  while (i < text.length) {
    const c = text[i];
    if (c !== "'" && c !== '"') {
      i++;
      continue;
    }
    out.push({ from, to: i + 1, quoted: false });
    const start = ++i;
    while (i < text.length && text[i] !== c) {
      i += text[i] === '\\' && i + 1 < text.length ? 2 : 1;
    }
    i = Math.min(i, text.length);
    out.push({ from: start, to: i, quoted: true });
    from = i;
    if (i < text.length) {
      i++;
    }
  }
  if (from < text.length) {
    out.push({ from, to: text.length, quoted: false });
  }
  return out.filter((s) => s.to > s.from);
}

import { interpolate, interpolateGremlin } from './templating';
import { fakeTemplates } from './testing';
import type { SkeinQuery } from './types';

const templates = fakeTemplates({
  name: `it's`,
  type: ['veth', 'bridge'],
  one: ['veth'],
  n: '5',
  query: `G.V().Has('Name', 'x')`,
  re: 'eth\\d',
  host: ['h1', 'h2'],
});

describe('interpolateGremlin', () => {
  it.each([
    ['$query', `G.V().Has('Name', 'x')`],
    [' ${query} ', `G.V().Has('Name', 'x')`],
    [`G.V().Has('Name', '$name')`, `G.V().Has('Name', 'it\\'s')`],
    [`G.V().Has("Name", "\${name}")`, `G.V().Has("Name", "it\\'s")`],
    [`G.V().Has('Name', REGEX('$re.*'))`, `G.V().Has('Name', REGEX('eth\\\\d.*'))`],
    ['G.V().Limit($n)', 'G.V().Limit(5)'],
    [`G.V().Has('Type', WITHIN($type))`, `G.V().Has('Type', WITHIN('veth', 'bridge'))`],
    [`G.V().Has('Type', WITHIN('$type'))`, `G.V().Has('Type', WITHIN('veth', 'bridge'))`],
    [`G.V().Has('Type', WITHIN("[[type]]"))`, `G.V().Has('Type', WITHIN("veth", "bridge"))`],
    [`G.V().Has('Type', $one)`, `G.V().Has('Type', 'veth')`],
    [`G.V().Has('Name', REGEX('x-$type'))`, `G.V().Has('Name', REGEX('x-(veth|bridge)'))`],
    ['G.V().Limit(${n:raw}).Count()', 'G.V().Limit(5).Count()'],
    [`G.V().Has('Name', '$unknown')`, `G.V().Has('Name', '$unknown')`],
    [`G.V().Has('Name', REGEX('eth.*$'))`, `G.V().Has('Name', REGEX('eth.*$'))`],
    ['', ''],
  ])('%s', (written, want) => {
    expect(interpolateGremlin(written, templates).text).toBe(want);
  });

  it('tells where a place in the text was written', () => {
    const written = `V('$name').Limit($n).Hsa()`;
    const { text, original } = interpolateGremlin(written, templates);
    expect(text).toBe(`V('it\\'s').Limit(5).Hsa()`);
    expect(original(text.indexOf('Hsa'))).toBe(written.indexOf('Hsa'));
    expect(original(0)).toBe(0);
    // Inside of what a variable stands for: the variable.
    expect(original(text.indexOf('it') + 1)).toBe(written.indexOf('$name'));
    expect(original(text.indexOf('5'))).toBe(written.indexOf('$n)'));
    expect(original(9999)).toBe(written.length);
  });

  it('takes scoped variables first', () => {
    expect(interpolateGremlin('V($n)', templates, { n: { value: '7', text: '7' } }).text).toBe('V(7)');
  });
});

describe('interpolate', () => {
  const query: SkeinQuery = {
    refId: 'A',
    queryType: 'flows',
    gremlin: `V('$name')`,
    time: '$n',
    expand: '$host',
    expandVariable: 'open$n',
    keys: '$type',
    by: '$type',
    metric: '$n',
    sort: '$n',
    legend: '{{Name}} $n',
    group: ['$type', 'host', '$type'],
    columns: ['Name', '$host'],
    fields: ['$host'],
    filter: { host: '$host', address: '10.0.0.$n', node: 'x' },
    limit: 5,
  };

  it('fills every text in', () => {
    expect(interpolate(query, templates)).toEqual({
      refId: 'A',
      queryType: 'flows',
      gremlin: `V('it\\'s')`,
      time: '5',
      expand: 'h1,h2',
      expandVariable: 'open5',
      keys: 'veth,bridge',
      by: 'veth,bridge',
      metric: '5',
      sort: '5',
      legend: '{{Name}} 5',
      group: ['veth', 'bridge', 'host'],
      columns: ['Name', 'h1', 'h2'],
      fields: ['h1', 'h2'],
      filter: { host: 'h1,h2', address: '10.0.0.5', node: 'x' },
      limit: 5,
    });
  });

  it('asks for any when "All" is chosen', () => {
    const all = fakeTemplates({ host: ['h1', 'h2'] }, ['host']);
    const q = { refId: 'A', filter: { host: '${host}', node: 'a$host' }, keys: '[[host]]' };
    expect(interpolate(q, all)).toMatchObject({ filter: { host: '', node: 'ah1,h2' }, keys: '' });
  });

  it('leaves out what is not there, and the query as it was', () => {
    const before = { refId: 'A' };
    expect(interpolate(before, templates)).toEqual({ refId: 'A' });
    const copy = JSON.parse(JSON.stringify(query));
    interpolate(query, templates);
    expect(query).toEqual(copy);
  });
});

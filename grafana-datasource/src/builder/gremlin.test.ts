import { EMPTY_BUILDER, isComplete, readValue, showValue, toGremlin } from './gremlin';
import { readLiteral } from '../gremlin/text';
import type { BuilderRow, BuilderState } from '../types';

const with_ = (part: Partial<BuilderState>): string => toGremlin({ ...EMPTY_BUILDER, ...part });
const row = (key: string, op: BuilderRow['op'], ...values: BuilderRow['values']): string =>
  with_({ where: [{ key, op, values }] });

describe('toGremlin', () => {
  it.each([
    [with_({}), 'G.V()'],
    [with_({ start: 'type', of: ['veth'] }), `G.V().Has('Type', 'veth')`],
    [with_({ start: 'type', of: ['veth', 'bridge'] }), `G.V().Has('Type', WITHIN('veth', 'bridge'))`],
    [with_({ start: 'type', of: [] }), 'G.V()'],
    [with_({ start: 'host', of: ['$host'] }), `G.V().Has('@Host', WITHIN('$host'))`],
    [with_({ limit: 10 }), 'G.V().Limit(10)'],
    [with_({ limit: 0 }), 'G.V()'],
  ])('%s', (got, want) => expect(got).toBe(want));

  it.each([
    [row('MTU', '=', 1500), `G.V().Has('MTU', 1500)`],
    [row('VNI', '=', '1500'), `G.V().Has('VNI', '1500')`],
    [row('@Stale', '=', true), `G.V().Has('@Stale', TRUE)`],
    [row('Name', '!=', 'lo'), `G.V().Has('Name', NE('lo'))`],
    [row('MTU', '>=', 9000), `G.V().Has('MTU', GTE(9000))`],
    [row('Name', 'matches', 'eth\\d+'), `G.V().Has('Name', REGEX('eth\\\\d+'))`],
    [row('IPV4', 'network', '10.0.0.0/8'), `G.V().Has('IPV4', IPV4RANGE('10.0.0.0/8'))`],
    [row('Type', 'in', 'a', 'b'), `G.V().Has('Type', WITHIN('a', 'b'))`],
    [row('Type', 'not in', 'a'), `G.V().Has('Type', WITHOUT('a'))`],
    [row('MAC', 'has'), `G.V().HasKey('MAC')`],
    [row('MAC', 'lacks', 'left over'), `G.V().HasNot('MAC')`],
    [row('', '=', 'x'), 'G.V()'],
    [row('Name', '='), 'G.V()'],
    [row('Name', '=', ''), 'G.V()'],
  ])('%s', (got, want) => expect(got).toBe(want));

  it.each([`it's "so"`, 'C:\\new\\', `'`, '\\', `') .V('`, '名前'])('keeps %j in one text', (value) => {
    const written = row('Name', '=', value);
    const inside = /^G\.V\(\)\.Has\('Name', (.*)\)$/s.exec(written)?.[1] ?? '';
    expect(readLiteral(inside)).toBe(value);
    expect(row(value, 'has')).toBe(`G.V().HasKey(${inside})`);
  });

  it.each([
    ['children', '', 1, '.Descendants(1).Dedup()'],
    ['children', 'layer2', 2, `.Descendants('RelationType', 'layer2', 2).Dedup()`],
    ['parents', '', 0, '.Ascendants(0).Dedup()'],
    ['neighbours', '', 1, '.Neighbors(1).Dedup()'],
    ['neighbours', '', -3, '.Neighbors(0).Dedup()'],
  ] as const)('follows %s by %j, %d far', (direction, relation, depth, want) => {
    expect(with_({ follow: { direction, relation, depth } })).toBe('G.V()' + want);
  });

  it('puts everything in order', () => {
    expect(
      toGremlin({
        start: 'type',
        of: ['bridge'],
        where: [
          { key: 'State', op: '=', values: ['UP'] },
          { key: 'MTU', op: '>', values: [1500] },
        ],
        follow: { direction: 'children', relation: 'layer2', depth: 1 },
        limit: 5,
      })
    ).toBe(
      `G.V().Has('Type', 'bridge').Has('State', 'UP').Has('MTU', GT(1500)).Descendants('RelationType', 'layer2', 1).Dedup().Limit(5)`
    );
  });
});

describe('values', () => {
  it.each([
    ['1500', 1500],
    [' -1.5 ', -1.5],
    ['1e3', 1000],
    ['true', true],
    ['"1500"', '1500'],
    [`'true'`, 'true'],
    ['eth0', 'eth0'],
    ['9223372036854775807', '9223372036854775807'],
    ['10.0.0.1', '10.0.0.1'],
    ['', ''],
  ])('%j is read as %p', (typed, value) => {
    expect(readValue(typed)).toBe(value);
  });

  it.each(['1500', 'true', 'eth0', '"quoted"', '', 1500, false, -1.5])(
    '%p is shown so that it is read again',
    (value) => {
      expect(readValue(showValue(value))).toBe(value);
    }
  );

  it('tells complete rows', () => {
    expect(isComplete({ key: 'a', op: 'has', values: [] })).toBe(true);
    expect(isComplete({ key: 'a', op: '=', values: [] })).toBe(false);
    expect(isComplete({ key: ' ', op: 'has', values: [] })).toBe(false);
    expect(isComplete({ key: 'a', op: '=', values: [0] })).toBe(true);
  });
});

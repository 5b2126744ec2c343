import { choices, newResources } from './resources';

const QUIET = { showErrorAlert: false };

function backend(answer: unknown) {
  return { getResource: jest.fn(() => Promise.resolve(answer)), postResource: jest.fn(() => Promise.resolve(answer)) };
}

type Backend = Parameters<typeof newResources>[0];
const resourcesOf = (b: ReturnType<typeof backend>) => newResources(b as unknown as Backend);

describe('resources', () => {
  it('asks what the backend serves', async () => {
    const b = backend([]);
    const r = resourcesOf(b);
    await r.keys('G.V()');
    await r.types();
    await r.hosts();
    await r.nodes('eth');
    expect(b.getResource.mock.calls).toEqual([
      ['keys', { gremlin: 'G.V()' }, QUIET],
      ['types', undefined, QUIET],
      ['hosts', undefined, QUIET],
      ['nodes', { q: 'eth' }, QUIET],
    ]);
    await r.complete('G.', 2, '');
    await r.check('G.');
    await r.variable({ refId: 'v', kind: 'hosts' });
    expect(b.postResource.mock.calls).toEqual([
      ['complete', { gremlin: 'G.', offset: 2, at: '', limit: 100 }, QUIET],
      ['check', { gremlin: 'G.' }, QUIET],
      ['variable', { query: { refId: 'v', kind: 'hosts' } }, QUIET],
    ]);
  });

  it('asks for the language once, again after an error', async () => {
    const b = backend([{ name: 'Has', detail: '' }]);
    b.getResource.mockRejectedValueOnce(new Error('away'));
    const r = resourcesOf(b);
    await expect(r.steps()).rejects.toThrow('away');
    expect(await r.steps()).toHaveLength(1);
    await r.steps();
    expect(b.getResource).toHaveBeenCalledTimes(2);
    expect(await resourcesOf(backend(null)).steps()).toEqual([]);
  });

  it('has numbers as numbers among values', async () => {
    const b = backend({
      from: 0,
      to: 0,
      items: [
        { kind: 'value', text: '1500', insert: '1500', count: 7 },
        { kind: 'value', text: 'a', insert: "'a'" },
        { kind: 'function', text: 'NE', insert: 'NE(' },
      ],
    });
    expect(await resourcesOf(b).values('MTÜ')).toEqual([
      { value: 1500, text: '1500', detail: '7×' },
      { value: 'a', text: 'a', detail: undefined },
    ]);
    const gremlin = "G.V().Has('MTÜ', ";
    expect(b.postResource.mock.calls[0]).toEqual([
      'complete',
      { gremlin, offset: Buffer.byteLength(gremlin), at: '', limit: 200 },
      QUIET,
    ]);
  });
});

describe('choices', () => {
  it.each([
    [
      ['a', 1],
      [
        { value: 'a', text: 'a' },
        { value: 1, text: '1' },
      ],
    ],
    [[{ id: 'x1', name: 'paris' }], [{ value: 'x1', text: 'paris' }]],
    [[{ id: 'x1', name: 'eth0', type: 'device', host: 'h' }], [{ value: 'x1', text: 'eth0', detail: 'device' }]],
    [[{ text: 't', value: 'v' }], [{ value: 'v', text: 't' }]],
    [[{ value: 'v', count: 3 }], [{ value: 'v', text: 'v', detail: '3×' }]],
    [[null, [], {}, { name: [] }], []],
    [null, []],
    ['text', []],
  ])('%j', (answer, want) => {
    expect(choices(answer)).toMatchObject(want);
    expect(choices(answer)).toHaveLength(want.length);
  });
});

import { fireEvent, render, screen, waitFor, within } from '@testing-library/react';
import userEvent, { PointerEventsCheckLevel } from '@testing-library/user-event';
import React, { useState } from 'react';

import { AnnotationEditor } from './AnnotationEditor';
import { QueryEditor } from './QueryEditor';
import { EXAMPLES, QueryHelp } from './QueryHelp';
import { VariableEditor } from './VariableEditor';
import type { SkeinDataSource } from '../datasource';
import { toGremlin } from '../builder/gremlin';
import { asksForSomething } from '../defaults';
import { fakeResources, fakeTemplates } from '../testing';
import type { QueryType, SkeinQuery, SkeinVariableQuery } from '../types';

jest.mock('@grafana/runtime', () => ({
  ...jest.requireActual('@grafana/runtime'),
  getTemplateSrv: () => fakeTemplates({}),
}));

// The editor needs workers and a layout: a text field stands for it.
jest.mock('@grafana/ui', () => ({
  ...jest.requireActual('@grafana/ui'),
  CodeEditor: ({ value, onBlur }: { value: string; onBlur: (text: string) => void }) => (
    <textarea aria-label="Gremlin" defaultValue={value} key={value} onBlur={(e) => onBlur(e.currentTarget.value)} />
  ),
}));

const resources = fakeResources({
  types: () => Promise.resolve([{ value: 'veth', text: 'veth' }]),
  hosts: () => Promise.resolve([{ value: 'h1', text: 'paris' }]),
  keys: () => Promise.resolve([{ value: 'MTU', text: 'MTU' }]),
  values: () => Promise.resolve([{ value: 1500, text: '1500', detail: '7×' }]),
});
const datasource = { resources, nodeLimit: 150 } as unknown as SkeinDataSource;

/** newUser acts without pauses, and does not look whether styles let it. */
const newUser = () => userEvent.setup({ delay: null, pointerEventsCheck: PointerEventsCheckLevel.Never });

function setUp(first: Partial<SkeinQuery>, Editor: typeof QueryEditor | typeof AnnotationEditor = QueryEditor) {
  const onChange = jest.fn();
  const onRunQuery = jest.fn();
  function Page() {
    const [query, setQuery] = useState<SkeinQuery>({ refId: 'A', ...first });
    return (
      <Editor
        query={query}
        datasource={datasource}
        onRunQuery={onRunQuery}
        onChange={(next) => {
          onChange(next);
          setQuery(next);
        }}
      />
    );
  }
  render(<Page />);
  return { onChange, onRunQuery, last: (): SkeinQuery => onChange.mock.lastCall?.[0], user: newUser() };
}

/** pick opens a menu and chooses. */
async function pick(user: ReturnType<typeof newUser>, input: HTMLElement, option: string | RegExp) {
  await user.click(input);
  const all = await screen.findAllByRole('option', { hidden: true });
  const found = all.find((o) =>
    typeof option === 'string' ? o.textContent === option : option.test(o.textContent ?? '')
  );
  if (!found) {
    throw new Error(`no option ${option} among ${all.map((o) => o.textContent).join(', ')}`);
  }
  await user.click(found);
}

describe('QueryEditor', () => {
  it.each([
    ['topology', ['Gremlin', 'Group by', 'Open', 'Variable', 'Nodes', 'Arcs', 'Traffic', 'Live', 'Time']],
    ['table', ['Gremlin', 'Columns', 'Flatten', 'Rows', 'Live', 'Time']],
    ['timeseries', ['Gremlin', 'Of', 'Counters', 'Per second', 'Series', 'Legend', 'Live']],
    ['flows', ['Show', 'Sort by', 'Order', 'Limit', 'Host', 'Node', 'Address', 'Port', 'Application', 'State', 'Live']],
    ['diff', ['Gremlin', 'Show', 'Changes only', 'Keys', 'Group by', 'Arcs', 'Live']],
    ['events', ['Gremlin', 'Changes of', 'that were', 'Keys', 'Limit', 'Live']],
    ['status', []],
  ] as Array<[QueryType, string[]]>)('shows the options of %s', (queryType, labels) => {
    setUp({ queryType, gremlin: 'G' });
    expect(
      screen.getByRole('radio', { checked: true, name: /Topology|Table|Time series|Flows|Difference|Events|Status/ })
    ).toBeInTheDocument();
    for (const label of labels) {
      expect(screen.getByLabelText(label)).toBeInTheDocument();
    }
    if (!labels.includes('Gremlin')) {
      expect(screen.queryByLabelText('Gremlin')).not.toBeInTheDocument();
    }
  });

  it('is a topology query when it was never edited', () => {
    setUp({});
    expect(screen.getByRole('radio', { name: 'Topology' })).toBeChecked();
    expect(screen.getByLabelText('Nodes')).toHaveAttribute('placeholder', '150');
  });

  it('changes the type, with an example where nothing was said', async () => {
    const { last, onRunQuery, user } = setUp({ queryType: 'topology', gremlin: 'G' });
    await user.click(screen.getByRole('radio', { name: 'Time series' }));
    expect(last()).toMatchObject({
      queryType: 'timeseries',
      gremlin: 'G.V()',
      series: 'interface',
    });
    expect(onRunQuery).toHaveBeenCalled();
    await user.click(screen.getByRole('radio', { name: 'Flows' }));
    expect(last()).toMatchObject({ queryType: 'flows', flows: 'top', limit: 20 });
    expect(last().gremlin).toBeUndefined();
  });

  it('keeps what was written when the type changes', async () => {
    const { last, user } = setUp({ queryType: 'topology', gremlin: "G.V('x')", keys: 'k', limit: 3 });
    await user.click(screen.getByRole('radio', { name: 'Table' }));
    expect(last()).toMatchObject({ queryType: 'table', gremlin: "G.V('x')" });
    expect(last().limit).toBeUndefined();
  });

  it('takes the text when it is left, and runs it', async () => {
    const { last, onChange, onRunQuery, user } = setUp({ queryType: 'topology', gremlin: 'G' });
    const text = screen.getByLabelText('Gremlin');
    await user.click(text);
    await user.tab();
    expect(onChange).not.toHaveBeenCalled();
    await user.click(text);
    await user.keyboard('.V()');
    await user.tab();
    expect(last()).toMatchObject({ queryType: 'topology', gremlin: 'G.V()', editor: 'code' });
    expect(onRunQuery).toHaveBeenCalledTimes(1);
  });

  it.each([
    ['topology', 'Traffic', { traffic: false }],
    ['topology', 'Live', { live: true }],
    ['table', 'Flatten', { flatten: true }],
    ['timeseries', 'Per second', { rate: false }],
    ['diff', 'Changes only', { changesOnly: false }],
  ] as Array<[QueryType, string, Partial<SkeinQuery>]>)('%s: switches %s', async (queryType, label, want) => {
    const { last, onRunQuery, user } = setUp({ queryType, gremlin: 'G' });
    await user.click(screen.getByLabelText(label));
    expect(last()).toMatchObject({ queryType, ...want });
    expect(onRunQuery).toHaveBeenCalledTimes(1);
  });

  it.each([
    ['topology', 'Open', '*', { expand: '*' }],
    ['topology', 'Variable', 'open', { expandVariable: 'open' }],
    ['topology', 'Nodes', '9999', { nodeLimit: 2000 }],
    ['topology', 'Nodes', '50', { nodeLimit: 50 }],
    ['timeseries', 'Legend', 'x', { legend: 'x' }],
    ['timeseries', 'Series', '5', { limit: 5 }],
    ['diff', 'Keys', 'MTU', { keys: 'MTU' }],
    ['events', 'Limit', '7', { limit: 7 }],
    ['flows', 'Address', ' 10.0.0.1,10.0.0.2 ', { filter: { address: '10.0.0.1,10.0.0.2' } }],
  ] as Array<[QueryType, string, string, Partial<SkeinQuery>]>)(
    '%s: %s takes %j',
    async (queryType, label, typed, want) => {
      const { last, user } = setUp({ queryType, gremlin: 'G' });
      await user.type(screen.getByLabelText(label), `${typed}{Enter}`);
      expect(last()).toMatchObject(want);
    }
  );

  it('empties fields again', async () => {
    const { last, user } = setUp({ queryType: 'flows', filter: { port: '443' }, limit: 5 });
    await user.clear(screen.getByLabelText('Port'));
    await user.tab();
    expect(last().filter).toBeUndefined();
    await user.clear(screen.getByLabelText('Limit'));
    await user.tab();
    expect(last().limit).toBeUndefined();
  });

  it.each([
    ['topology', 'Arcs', /^None/, { arcs: 'none' }],
    ['diff', 'Show', /^Table/, { view: 'table' }],
    ['flows', 'Show', /^Sankey/, { flows: 'sankey' }],
    ['flows', 'Order', /^ascending/, { order: 'asc' }],
    ['timeseries', 'Of', /^Flows/, { series: 'flows' }],
    ['events', 'Changes of', /^Edges/, { what: 'edges' }],
    ['table', 'Time', /^now/, { time: 'now' }],
    ['flows', 'Host', /paris/, { filter: { host: 'h1' } }],
  ] as Array<[QueryType, string, RegExp, Partial<SkeinQuery>]>)(
    '%s: %s can be %s',
    async (queryType, label, option, want) => {
      const { last, user } = setUp({ queryType, gremlin: 'G' });
      await pick(user, screen.getByLabelText(label), option);
      expect(last()).toMatchObject(want);
    }
  );

  it('shows other options as others are chosen', async () => {
    const { user } = setUp({ queryType: 'timeseries', gremlin: 'G.V()' });
    await pick(user, screen.getByLabelText('Of'), /^Flows/);
    expect(screen.queryByLabelText('Gremlin')).not.toBeInTheDocument();
    expect(screen.getByLabelText('Application')).toBeInTheDocument();
    expect(screen.queryByLabelText('State')).not.toBeInTheDocument();
    expect(screen.queryByLabelText('Live')).not.toBeInTheDocument();
  });

  it('chooses several levels', async () => {
    const { last, user } = setUp({ queryType: 'topology', gremlin: 'G' });
    await pick(user, screen.getByLabelText('Group by'), /^owner/);
    expect(last().group).toEqual(['owner']);
  });
});

describe('the builder', () => {
  it('writes the query, and stays in step with it', async () => {
    const { last, user } = setUp({ queryType: 'topology', gremlin: 'G' });
    await user.click(screen.getByRole('radio', { name: 'Builder' }));
    expect(last()).toMatchObject({ gremlin: 'G.V()', editor: 'builder' });
    await pick(user, screen.getByLabelText('Start with'), /^Nodes of type/);
    await pick(user, screen.getByLabelText('Types'), /^veth/);
    expect(last().gremlin).toBe("G.V().Has('Type', 'veth')");
    expect(screen.getByTestId('gremlin-preview')).toHaveTextContent("G.V().Has('Type', 'veth')");

    await user.click(screen.getByRole('button', { name: 'Condition' }));
    await pick(user, screen.getByTestId('row-key'), /^MTU/);
    await pick(user, screen.getByTestId('row-value'), /^1500/);
    expect(resources.values).toHaveBeenCalledWith('MTU');
    expect(last().gremlin).toBe("G.V().Has('Type', 'veth').Has('MTU', 1500)");
    await pick(user, screen.getByTestId('row-op'), '≥');
    expect(last().gremlin).toBe("G.V().Has('Type', 'veth').Has('MTU', GTE(1500))");

    await pick(user, screen.getByLabelText('Follow to'), /^Neighbours/);
    await pick(user, screen.getByLabelText('by'), /^layer2/);
    await user.type(screen.getByLabelText('At most'), '5{Enter}');
    const text =
      "G.V().Has('Type', 'veth').Has('MTU', GTE(1500)).Neighbors('RelationType', 'layer2', 1).Dedup().Limit(5)";
    expect(last().gremlin).toBe(text);
    expect(toGremlin(last().builder!)).toBe(text);

    await user.click(screen.getByRole('button', { name: /Edit as code/ }));
    expect(last()).toMatchObject({ gremlin: text, editor: 'code' });
    await user.click(screen.getByRole('radio', { name: 'Builder' }));
    expect(screen.getByTestId('row-key')).toHaveValue('MTU');
    await user.click(screen.getByRole('button', { name: 'Remove the condition' }));
    expect(last().gremlin).not.toContain('MTU');
  });

  it('asks before it replaces what was written by hand', async () => {
    const { last, onChange, user } = setUp({ queryType: 'topology', gremlin: "G.V('by hand')" });
    await user.click(screen.getByRole('radio', { name: 'Builder' }));
    const dialog = await screen.findByRole('dialog');
    expect(onChange).not.toHaveBeenCalled();
    await user.click(within(dialog).getByRole('button', { name: 'Replace' }));
    expect(last().gremlin).toBe('G.V()');
  });

  it('shows the text when it is not what the builder says', () => {
    setUp({ gremlin: 'G.E()', editor: 'builder', builder: { start: 'all', of: [], where: [] } });
    expect(screen.getByLabelText('Gremlin')).toHaveValue('G.E()');
  });

  it('takes expressions as texts', async () => {
    const builder = { start: 'all' as const, of: [], where: [{ key: 'Name', op: 'matches' as const, values: [] }] };
    const { last, user } = setUp({ gremlin: toGremlin(builder), editor: 'builder', builder });
    await user.type(screen.getByTestId('row-pattern'), '12{Enter}');
    expect(last().gremlin).toBe("G.V().Has('Name', REGEX('12'))");
  });
});

describe('AnnotationEditor', () => {
  it('is about events', async () => {
    const { last, user } = setUp({ queryType: 'events', what: 'nodes', ops: ['added'] }, AnnotationEditor);
    await pick(user, screen.getByLabelText('Changes of'), /^Both/);
    expect(last()).toMatchObject({ queryType: 'events', what: 'all', ops: ['added'] });
    await user.type(screen.getByLabelText('Gremlin'), 'G.V()');
    await user.tab();
    expect(last().gremlin).toBe('G.V()');
  });
});

describe('VariableEditor', () => {
  const setUpVariable = (query: Partial<SkeinVariableQuery>) => {
    const onChange = jest.fn();
    render(
      <VariableEditor
        query={{ refId: '', ...query }}
        datasource={datasource}
        onChange={onChange}
        onRunQuery={jest.fn()}
      />
    );
    return { onChange, user: newUser() };
  };

  it.each([
    ['Types', { kind: 'types' }],
    ['Network namespaces', { kind: 'namespaces' }],
    ['Gremlin', { kind: 'gremlin' }],
    ['Values of a key', { kind: 'values' }],
  ])('lists %s', async (label, want) => {
    const { onChange, user } = setUpVariable({});
    expect(screen.queryByLabelText('Gremlin')).not.toBeInTheDocument();
    await pick(user, screen.getByLabelText('List'), new RegExp('^' + label));
    expect(onChange).toHaveBeenCalledWith(expect.objectContaining({ refId: 'variable', ...want }));
  });

  it('asks for the key of values', async () => {
    const { onChange, user } = setUpVariable({ kind: 'values' });
    await pick(user, screen.getByLabelText('Key'), /^MTU/);
    expect(onChange).toHaveBeenCalledWith(expect.objectContaining({ kind: 'values', key: 'MTU' }));
    expect(screen.queryByRole('radio', { name: 'Builder' })).not.toBeInTheDocument();
  });

  it('takes Gremlin', async () => {
    const { onChange, user } = setUpVariable({ gremlin: 'G.V()' });
    await user.type(screen.getByLabelText('Gremlin'), '.Keys()');
    await user.tab();
    await waitFor(() =>
      expect(onChange).toHaveBeenCalledWith(expect.objectContaining({ kind: 'gremlin', gremlin: 'G.V().Keys()' }))
    );
  });
});

describe('QueryHelp', () => {
  it('has examples that run', () => {
    const run = jest.fn();
    render(<QueryHelp datasource={datasource} query={{ refId: 'B' }} onClickExample={run} />);
    const buttons = screen.getAllByRole('button');
    const examples = EXAMPLES.flatMap((group) => group.examples);
    expect(buttons.map((b) => b.textContent)).toEqual(examples.map((e) => e.title));
    examples.forEach(({ query }, i) => {
      run.mockClear();
      fireEvent.click(buttons[i]);
      const asked: SkeinQuery = run.mock.calls[0][0];
      expect(asked).toMatchObject({ refId: 'B', ...query });
      expect(asksForSomething(asked)).toBe(true);
    });
  });
});

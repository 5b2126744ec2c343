import { css } from '@emotion/css';
import type { GrafanaTheme2, QueryEditorHelpProps } from '@grafana/data';
import { Button, useStyles2 } from '@grafana/ui';
import React from 'react';

import { changeType } from '../defaults';
import type { SkeinQuery } from '../types';

interface Example {
  title: string;
  query: Partial<SkeinQuery>;
}

interface Group {
  title: string;
  text: string;
  examples: Example[];
}

/** Queries that give something on any network. */
export const EXAMPLES: Group[] = [
  {
    title: 'The network as a graph',
    text: 'Query type Topology, shown by the Node graph panel. The time range is the query’s time: its end is the moment that is drawn.',
    examples: [
      { title: 'Everything', query: { queryType: 'topology', gremlin: 'G' } },
      {
        title: 'Bridges and what hangs on them',
        query: {
          queryType: 'topology',
          gremlin: "G.V().Has('Type', WITHIN('bridge', 'ovsbridge')).Neighbors('RelationType', 'layer2', 2)",
        },
      },
      {
        title: 'What does not belong to a namespace of its own, by type',
        query: { queryType: 'topology', gremlin: 'G', group: ['host', 'type'] },
      },
    ],
  },
  {
    title: 'Tables',
    text: 'Any query: nodes and edges by their keys, values, numbers, flows.',
    examples: [
      { title: 'All hosts', query: { queryType: 'table', gremlin: "G.V().Has('Type', 'host')", flatten: true } },
      {
        title: 'Interfaces that are down',
        query: {
          queryType: 'table',
          gremlin: "G.V().Has('State', 'DOWN')",
          columns: ['Name', 'Type', 'State', 'MTU', '@Host'],
        },
      },
      { title: 'How many nodes', query: { queryType: 'table', gremlin: 'G.V().Count()' } },
    ],
  },
  {
    title: 'Traffic',
    text: 'Counters of interfaces, and what captures saw.',
    examples: [
      {
        title: 'Bytes of all interfaces',
        query: {
          queryType: 'timeseries',
          series: 'interface',
          gremlin: 'G.V()',
          fields: ['RxBytes', 'TxBytes'],
        },
      },
      {
        title: 'Bytes by application',
        query: { queryType: 'timeseries', series: 'flows', by: 'application', metric: 'bytes' },
      },
      { title: 'Top talkers', query: { queryType: 'flows', flows: 'top', by: 'pair', metric: 'bytes', limit: 20 } },
    ],
  },
  {
    title: 'What changed',
    text: 'Between the two ends of the time range, or one by one. Events are also annotations.',
    examples: [
      { title: 'The difference', query: { queryType: 'diff', gremlin: 'G', view: 'both' } },
      { title: 'Nodes that came and went', query: { queryType: 'events', what: 'nodes', ops: ['added', 'removed'] } },
    ],
  },
];

const NOTES: Array<[string, string]> = [
  ["Has('Type', 'veth')", 'nodes with that value; several pairs must all hold'],
  ["Has('MTU', GT(1500))", 'NE, LT, GTE, INSIDE, WITHIN, WITHOUT, REGEX, IPV4RANGE …'],
  ['Out() In() Both()', 'children, parents, both; OutE() InE() BothE() are the edges'],
  ['Descendants(0)', 'all that a node owns; Ascendants(0) what it belongs to'],
  ["Neighbors('RelationType', 'layer2', 2)", 'what is within two links'],
  ["ShortestPathTo(METADATA('Name', 'db'))", 'the path to a node'],
  ["Values('Name') Count() Sum('MTU')", 'values instead of nodes'],
  ["Has('Type', WITHIN($type))", "a variable with several values; in quotes one: Has('Name', '$name')"],
];

/** What can be asked, with examples that run at a click. */
export function QueryHelp({ query, onClickExample }: QueryEditorHelpProps<SkeinQuery>) {
  const styles = useStyles2(getStyles);
  const run = (example: Partial<SkeinQuery>) => {
    const type = example.queryType ?? 'topology';
    onClickExample({ ...changeType({ refId: query?.refId ?? 'A' }, type), ...example });
  };
  return (
    <div className={styles.help}>
      {EXAMPLES.map((group) => (
        <section key={group.title}>
          <h4>{group.title}</h4>
          <p>{group.text}</p>
          <ul className={styles.list}>
            {group.examples.map((e) => (
              <li key={e.title}>
                <Button variant="secondary" size="sm" icon="play" onClick={() => run(e.query)}>
                  {e.title}
                </Button>
                {e.query.gremlin && <code>{e.query.gremlin}</code>}
              </li>
            ))}
          </ul>
        </section>
      ))}
      <section>
        <h4>Steps</h4>
        <p>
          A query starts at <code>G</code>, the graph; each step works on what the one before it gave. The editor
          completes steps, keys and values (Ctrl+Space), explains a step under the pointer, and runs with Ctrl+Enter.
        </p>
        <dl className={styles.notes}>
          {NOTES.map(([code, text]) => (
            <React.Fragment key={code}>
              <dt>
                <code>{code}</code>
              </dt>
              <dd>{text}</dd>
            </React.Fragment>
          ))}
        </dl>
      </section>
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  help: css({ section: { marginBottom: theme.spacing(2) }, p: { color: theme.colors.text.secondary } }),
  list: css({
    listStyle: 'none',
    li: { display: 'flex', gap: theme.spacing(1), alignItems: 'center', marginBottom: theme.spacing(0.5) },
  }),
  notes: css({
    display: 'grid',
    gridTemplateColumns: 'max-content 1fr',
    gap: theme.spacing(0.5, 2),
    dd: { margin: 0, color: theme.colors.text.secondary },
    dt: { fontWeight: 'normal' },
  }),
});

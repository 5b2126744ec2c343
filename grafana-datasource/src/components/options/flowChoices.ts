/** What flows can be told apart by. */
export const FLOW_KEYS = [
  { value: 'pair', label: 'pair', description: 'The two addresses' },
  { value: 'conversation', label: 'conversation', description: 'Addresses and ports' },
  { value: 'source', label: 'source' },
  { value: 'destination', label: 'destination' },
  { value: 'application', label: 'application' },
  { value: 'protocol', label: 'protocol' },
  { value: 'port', label: 'port' },
  { value: 'host', label: 'host' },
  { value: 'interface', label: 'interface' },
  { value: 'node', label: 'node' },
  { value: 'capture', label: 'capture' },
];

/** What of flows can be added up. */
export const FLOW_METRICS = [
  { value: 'bytes', label: 'Bytes' },
  { value: 'packets', label: 'Packets' },
  { value: 'flows', label: 'Flows' },
  { value: 'ab_bytes', label: 'Bytes there', description: 'From where the first packet came from' },
  { value: 'ba_bytes', label: 'Bytes back' },
  { value: 'ab_packets', label: 'Packets there' },
  { value: 'ba_packets', label: 'Packets back' },
];

/** What flows can be ordered by. */
export const FLOW_SORTS = [
  { value: 'last', label: 'Last packet' },
  { value: 'start', label: 'First packet' },
  { value: 'bytes', label: 'Bytes' },
  { value: 'packets', label: 'Packets' },
  { value: 'rtt', label: 'Round trip time' },
];

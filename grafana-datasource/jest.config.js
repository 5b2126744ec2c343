// Tests must not depend on the zone of the machine.
process.env.TZ = 'UTC';

const base = require('./.config/jest.config');
const { grafanaESModules, nodeModulesToTransform } = require('./.config/jest/utils');

const [swc] = Object.values(base.transform);

module.exports = {
  ...base,
  // d3 and what it stands on come as ES modules (.mjs).
  transform: { '^.+\\.m?[jt]sx?$': swc },
  transformIgnorePatterns: [
    nodeModulesToTransform([...grafanaESModules, 'd3-[^/]+', 'internmap', 'delaunator', 'robust-predicates']),
  ],
  // Menus of a whole editor take their time where many share a processor.
  testTimeout: 60000,
  // The specs in tests/ need a Grafana: playwright runs them.
  roots: ['<rootDir>/src'],
};

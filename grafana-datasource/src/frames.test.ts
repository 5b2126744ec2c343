import { FieldType, type DataFrame, type DataLink } from '@grafana/data';

import { openHere } from './frames';

function frame(links?: DataLink[]): DataFrame {
  return {
    name: 'nodes',
    length: 1,
    fields: [
      { name: 'id', type: FieldType.string, config: { displayName: 'ID', links }, values: ['a'] },
      { name: 'title', type: FieldType.string, config: {}, values: ['b'] },
    ],
  };
}

describe('openHere', () => {
  it('opens links in the same tab', () => {
    const [out] = openHere({ data: [frame([{ title: 'Skein/Expand', url: '/d/x' }])] }).data as DataFrame[];
    expect(out.fields[0].config).toEqual({
      displayName: 'ID',
      links: [{ title: 'Skein/Expand', url: '/d/x', targetBlank: false }],
    });
    expect(out.fields[0].values).toEqual(['a']);
  });

  it('leaves Explore and links that ask for a tab of their own alone', () => {
    const links = [
      { title: 'Explore', url: '', internal: { query: {}, datasourceUid: 'x', datasourceName: 'x' } },
      { title: 'Manual', url: 'https://example.org', targetBlank: true },
    ];
    const [out] = openHere({ data: [frame(links)] }).data as DataFrame[];
    expect(out.fields[0].config.links).toEqual(links);
  });

  it('does not touch frames without links', () => {
    const plain = frame();
    expect(openHere({ data: [plain] }).data[0]).toBe(plain);
  });
});

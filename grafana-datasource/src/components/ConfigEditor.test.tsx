import type { DataSourceSettings } from '@grafana/data';
import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React, { useState } from 'react';

import { ConfigEditor } from './ConfigEditor';
import type { SkeinOptions, SkeinSecrets } from '../types';

type Settings = DataSourceSettings<SkeinOptions, SkeinSecrets>;

function setUp(first: Partial<Settings> = {}) {
  const onChange = jest.fn();
  function Page() {
    const [options, setOptions] = useState({ url: '', jsonData: {}, secureJsonFields: {}, ...first } as Settings);
    return (
      <ConfigEditor
        options={options}
        onOptionsChange={(next) => {
          onChange(next);
          setOptions(next);
        }}
      />
    );
  }
  render(<Page />);
  return { last: (): Settings => onChange.mock.lastCall?.[0], user: userEvent.setup() };
}

describe('ConfigEditor', () => {
  it('takes the address', async () => {
    const { last, user } = setUp();
    await user.type(screen.getByLabelText(/^URL/), ' http://t:4280');
    expect(last().url).toBe('http://t:4280');
  });

  it.each([
    ['Timeout', 'timeout', '30', 30],
    ['Rows', 'maxRows', '500', 500],
    ['Nodes', 'nodeLimit', '100', 100],
    ['Nodes', 'nodeLimit', '0', undefined],
  ])('%s is %s', async (label, name, typed, want) => {
    const { last, user } = setUp();
    await user.type(screen.getByLabelText(new RegExp('^' + label)), typed);
    expect(last().jsonData[name as keyof SkeinOptions]).toBe(want);
  });

  it.each([
    ['Forward OAuth identity', { oauthPassThru: true }],
    ['Forward user name', { forwardUser: true }],
    ['Skip verification', { tlsSkipVerify: true }],
    ['Links to the Skein dashboards', { dashboards: false }],
  ])('%s', async (label, want) => {
    const { last, user } = setUp();
    await user.click(screen.getByLabelText(new RegExp('^' + label)));
    expect(last().jsonData).toMatchObject(want);
  });

  it('keeps the token a secret', async () => {
    const { last, user } = setUp();
    const token = screen.getByLabelText(/^Token/);
    expect(token).toHaveAttribute('type', 'password');
    await user.type(token, 's3cret');
    expect(last().secureJsonData).toEqual({ token: 's3cret' });
    expect(JSON.stringify(last().jsonData)).not.toContain('s3cret');
  });

  it('sets a new token in the place of one that it cannot read', async () => {
    const { last, user } = setUp({ secureJsonFields: { token: true } });
    expect(screen.getByLabelText(/^Token/)).toBeDisabled();
    await user.click(screen.getByRole('button', { name: 'Reset' }));
    expect(last()).toMatchObject({ secureJsonFields: { token: false }, secureJsonData: { token: '' } });
    expect(screen.getByLabelText(/^Token/)).toBeEnabled();
  });

  it('asks for certificates where they are used', async () => {
    const { last, user } = setUp();
    expect(screen.queryByLabelText(/^CA certificate/)).not.toBeInTheDocument();
    await user.click(screen.getByLabelText(/^Own certificate authority/));
    await user.click(screen.getByLabelText(/^Client certificate/));
    await user.type(screen.getByLabelText(/^CA certificate/), 'ca');
    await user.type(screen.getByLabelText(/^Certificate/), 'crt');
    await user.type(screen.getByLabelText(/^Key/), 'key');
    await user.type(screen.getByLabelText(/^Server name/), 'x');
    expect(last()).toMatchObject({
      jsonData: { tlsAuthWithCACert: true, tlsAuth: true, serverName: 'x' },
      secureJsonData: { tlsCACert: 'ca', tlsClientCert: 'crt', tlsClientKey: 'key' },
    });
  });
});

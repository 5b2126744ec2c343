import { css } from '@emotion/css';
import type { DataSourcePluginOptionsEditorProps, GrafanaTheme2 } from '@grafana/data';
import { Field, Input, SecretInput, SecretTextArea, Switch, useStyles2 } from '@grafana/ui';
import React, { useId, type ReactNode } from 'react';

import {
  DEFAULT_MAX_ROWS,
  DEFAULT_NODE_LIMIT,
  DEFAULT_TIMEOUT,
  MAX_NODE_LIMIT,
  type SkeinOptions,
  type SkeinSecrets,
} from '../types';

type Props = DataSourcePluginOptionsEditorProps<SkeinOptions, SkeinSecrets>;

const WIDTH = 60;

/** How topologyd is reached, and how much is asked of it. */
export function ConfigEditor(props: Props) {
  const { options, onOptionsChange } = props;
  const { jsonData } = options;
  const set = (change: Partial<SkeinOptions>) => onOptionsChange({ ...options, jsonData: { ...jsonData, ...change } });
  const number = (name: 'timeout' | 'maxRows' | 'nodeLimit') => (text: string) => {
    const n = Number.parseInt(text, 10);
    set({ [name]: Number.isNaN(n) || n < 1 ? undefined : n });
  };

  return (
    <>
      <Section title="Connection">
        <Text
          label="URL"
          description="Where topologyd serves its API, as this Grafana reaches it"
          required
          placeholder="http://localhost:4280"
          value={options.url}
          onChange={(url) => onOptionsChange({ ...options, url: url.trim() })}
        />
        <Text
          label="Timeout"
          description="Seconds that one request may take"
          type="number"
          placeholder={String(DEFAULT_TIMEOUT)}
          value={jsonData.timeout}
          onChange={number('timeout')}
        />
      </Section>
      <Section title="Authentication">
        <Secret
          {...props}
          name="token"
          label="Token"
          description="Sent as bearer token; it stays in Grafana's backend. Reading is all it needs to allow."
          placeholder="Token"
        />
        <Toggle
          label="Forward OAuth identity"
          description="Sends the token of the person who is signed in instead"
          value={jsonData.oauthPassThru}
          onChange={(oauthPassThru) => set({ oauthPassThru })}
        />
        <Toggle
          label="Forward user name"
          description="Tells topologyd, for its log, who asks"
          value={jsonData.forwardUser}
          onChange={(forwardUser) => set({ forwardUser })}
        />
      </Section>
      <Section title="TLS">
        <Toggle
          label="Skip verification"
          description="Trusts any certificate. Only to try things out."
          value={jsonData.tlsSkipVerify}
          onChange={(tlsSkipVerify) => set({ tlsSkipVerify })}
        />
        <Toggle
          label="Own certificate authority"
          value={jsonData.tlsAuthWithCACert}
          onChange={(tlsAuthWithCACert) => set({ tlsAuthWithCACert })}
        />
        {jsonData.tlsAuthWithCACert && (
          <Secret {...props} area name="tlsCACert" label="CA certificate" placeholder="-----BEGIN CERTIFICATE-----" />
        )}
        <Toggle label="Client certificate" value={jsonData.tlsAuth} onChange={(tlsAuth) => set({ tlsAuth })} />
        {jsonData.tlsAuth && (
          <>
            <Secret
              {...props}
              area
              name="tlsClientCert"
              label="Certificate"
              placeholder="-----BEGIN CERTIFICATE-----"
            />
            <Secret {...props} area name="tlsClientKey" label="Key" placeholder="-----BEGIN PRIVATE KEY-----" />
          </>
        )}
        {(jsonData.tlsAuthWithCACert || jsonData.tlsAuth) && (
          <Text
            label="Server name"
            description="The name in topologyd's certificate, if it is not that of the URL"
            placeholder="topologyd.example.org"
            value={jsonData.serverName}
            onChange={(serverName) => set({ serverName: serverName || undefined })}
          />
        )}
      </Section>
      <Section title="Answers">
        <Text
          label="Rows"
          description="The most rows of a table"
          type="number"
          placeholder={String(DEFAULT_MAX_ROWS)}
          value={jsonData.maxRows}
          onChange={number('maxRows')}
        />
        <Text
          label="Nodes"
          description={`The most nodes and groups of a graph, up to ${MAX_NODE_LIMIT}. The Node graph panel draws 200.`}
          type="number"
          placeholder={String(DEFAULT_NODE_LIMIT)}
          value={jsonData.nodeLimit}
          onChange={number('nodeLimit')}
        />
        <Toggle
          label="Links to the Skein dashboards"
          description="From nodes to their details, flows and captures. Switch off where these dashboards are not installed."
          value={jsonData.dashboards ?? true}
          onChange={(dashboards) => set({ dashboards })}
        />
      </Section>
    </>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  const styles = useStyles2(getStyles);
  return (
    <section className={styles.section} aria-label={title}>
      <h3 className={styles.title}>{title}</h3>
      {children}
    </section>
  );
}

interface TextProps {
  label: string;
  description?: string;
  placeholder: string;
  required?: boolean;
  type?: 'text' | 'number';
  value?: string | number;
  onChange: (text: string) => void;
}

function Text({ label, description, required, type = 'text', placeholder, value, onChange }: TextProps) {
  const id = useId();
  return (
    <Field label={label} description={description} required={required}>
      <Input
        id={id}
        type={type}
        min={type === 'number' ? 1 : undefined}
        width={WIDTH}
        placeholder={placeholder}
        value={value ?? ''}
        onChange={(e) => onChange(e.currentTarget.value)}
      />
    </Field>
  );
}

interface ToggleProps {
  label: string;
  description?: string;
  value?: boolean;
  onChange: (value: boolean) => void;
}

function Toggle({ label, description, value = false, onChange }: ToggleProps) {
  const id = useId();
  return (
    <Field label={label} description={description}>
      <Switch id={id} value={value} onChange={(e) => onChange(e.currentTarget.checked)} />
    </Field>
  );
}

interface SecretProps extends Props {
  name: keyof SkeinSecrets;
  label: string;
  description?: string;
  placeholder: string;
  area?: boolean;
}

/** Something that the browser can set but never reads. */
function Secret({ options, onOptionsChange, name, label, description, placeholder, area }: SecretProps) {
  const id = useId();
  const set = (text: string, isSet: boolean) =>
    onOptionsChange({
      ...options,
      secureJsonFields: { ...options.secureJsonFields, [name]: isSet },
      secureJsonData: { ...options.secureJsonData, [name]: text },
    });
  const common = {
    id,
    placeholder,
    isConfigured: Boolean(options.secureJsonFields?.[name]),
    value: options.secureJsonData?.[name] ?? '',
    onReset: () => set('', false),
  };
  return (
    <Field label={label} description={description}>
      {area ? (
        <SecretTextArea {...common} cols={WIDTH} rows={6} onChange={(e) => set(e.currentTarget.value, false)} />
      ) : (
        <SecretInput {...common} width={WIDTH} onChange={(e) => set(e.currentTarget.value, false)} />
      )}
    </Field>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  section: css({ marginBottom: theme.spacing(4) }),
  title: css({ marginBottom: theme.spacing(2) }),
});

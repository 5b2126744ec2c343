import type { Page, Response } from '@playwright/test';

export { expect, test } from '@grafana/plugin-e2e';

/** The file below provisioning/datasources that Grafana was started with. */
export const PROVISIONED = { fileName: 'skein.yaml' };

/** answerOf does something that runs a query, and gives the answer. */
export async function answerOf(page: Page, act: () => Promise<void>): Promise<Response> {
  const answer = page.waitForResponse((r) => r.url().includes('/api/ds/query'));
  await act();
  return answer;
}

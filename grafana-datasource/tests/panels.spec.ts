import { PROVISIONED, answerOf, expect, test } from './setup';

test.describe('panels', () => {
  test('draw the network', async ({ panelEditPage, readProvisionedDataSource }) => {
    const ds = await readProvisionedDataSource(PROVISIONED);
    await panelEditPage.datasource.set(ds.name);
    await panelEditPage.setVisualization('Node Graph');
    await expect(panelEditPage.refreshPanel()).toBeOK();
    await expect(panelEditPage.panel.locator.locator('svg circle').first()).toBeVisible();
  });

  test('list hosts', async ({ panelEditPage, readProvisionedDataSource }) => {
    const ds = await readProvisionedDataSource(PROVISIONED);
    await panelEditPage.datasource.set(ds.name);
    await panelEditPage.setVisualization('Table');
    const table = panelEditPage.getQueryEditorRow('A').getByRole('radio', { name: 'Table', exact: true });
    const answer = await answerOf(panelEditPage.ctx.page, () => table.check({ force: true }));
    expect(answer.ok()).toBe(true);
    await expect(panelEditPage.panel.fieldNames).toContainText(['Name']);
  });

  test('are drawn in Explore', async ({ explorePage, readProvisionedDataSource }) => {
    const ds = await readProvisionedDataSource(PROVISIONED);
    await explorePage.datasource.set(ds.name);
    const { page } = explorePage.ctx;
    const row = explorePage.getQueryEditorRow('A');
    await expect(row.getByRole('radio', { name: 'Topology', exact: true })).toBeChecked();
    for (const type of ['Table', 'Topology']) {
      const radio = row.getByRole('radio', { name: type, exact: true });
      const answer = await answerOf(page, () => radio.check({ force: true }));
      expect(answer.ok()).toBe(true);
    }
    await expect(page.getByText('Node graph').first()).toBeVisible();
  });
});

import { PROVISIONED, expect, test } from './setup';

test.describe('dashboards', () => {
  test('have variables that list hosts', async ({ variableEditPage, readProvisionedDataSource, page }) => {
    const ds = await readProvisionedDataSource(PROVISIONED);
    await variableEditPage.setVariableType('Query');
    await variableEditPage.datasource.set(ds.name);
    await expect(page.getByLabel('List', { exact: true })).toBeVisible();
    const answer = page.waitForResponse((r) => r.url().includes('/resources/variable'));
    await variableEditPage.runQuery();
    expect((await answer).ok()).toBe(true);
  });

  test('mark changes of the network', async ({ annotationEditPage, readProvisionedDataSource, page }) => {
    const ds = await readProvisionedDataSource(PROVISIONED);
    await annotationEditPage.datasource.set(ds.name);
    await expect(page.getByLabel('Changes of')).toBeVisible();
    await expect(annotationEditPage.runQuery()).toBeOK();
  });
});

/**
 * Test files that a page cannot run, each with the reason.
 */
export const withoutPage: Readonly<Record<string, string>> = {};

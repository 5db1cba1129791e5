/** This release of Ottla; `test/tidy.test.ts` holds it equal to package.json's. A constant, because a bundle has no package.json beside it to read. */
export const VERSION = '0.1.0'

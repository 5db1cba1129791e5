/**
 * Tells settings of topics, brokers, broker loggers, client metrics and groups. Version 1 says where a value comes from, with
 * its synonyms (version 0 only whether it is the default), 3 adds types and documentation.
 */

import { array, boolean, int16, int32, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

export const DescribeConfigsRequest = message({
  name: 'DescribeConfigsRequest',
  apiKey: 32,
  versions: '0-4',
  flexibleSince: 4,
  fields: {
    resources: array({ resourceType: int8, resourceName: string, configurationKeys: array(string).nullable() }),
    includeSynonyms: boolean.since(1),
    includeDocumentation: boolean.since(3),
  },
})
export type DescribeConfigsRequest = Infer<typeof DescribeConfigsRequest>

export const DescribeConfigsResponse = message({
  name: 'DescribeConfigsResponse',
  apiKey: 32,
  versions: '0-4',
  flexibleSince: 4,
  fields: {
    throttleTimeMs: int32,
    results: array({
      errorCode: int16,
      errorMessage: string.nullable(),
      resourceType: int8,
      resourceName: string,
      configs: array({
        name: string,
        value: string.nullable(),
        readOnly: boolean,
        configSource: int8.since(1).default(-1).ignorable(),
        isDefault: boolean.until(0),
        isSensitive: boolean,
        synonyms: array({ name: string, value: string.nullable(), source: int8 }).since(1).ignorable(),
        configType: int8.since(3).ignorable(),
        documentation: string.nullable().since(3).ignorable(),
      }),
    }),
  },
})
export type DescribeConfigsResponse = Infer<typeof DescribeConfigsResponse>

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { apiList, apiOf, apis } from './apis.ts'
import { decodeMessage, encodeMessage } from './codec.ts'
import { RequestHeader, ResponseHeader } from './header.ts'

/** Hex in readable groups. */
function bare(groups: string): string {
  return groups.replaceAll(' ', '')
}

test('APIs are found by their keys, and by nothing else', () => {
  for (const [key, api] of apiList.entries()) {
    assert.equal(api.key, key)
    assert.equal(apiOf(key), api)
    assert.equal(api.response.apiKey, key)
    assert.deepEqual(api.request.versions, api.response.versions)
    assert.deepEqual(Object.values(apis)[key], api)
  }
  for (const key of [-1, apiList.length, 0.5, NaN, 32_767]) assert.equal(apiOf(key), undefined)
})

test('names in the table are those of the requests', () => {
  for (const [name, api] of Object.entries(apis)) assert.equal(api.name, name)
})

test('flexible versions have request header 2 and response header 1', () => {
  assert.equal(apis.Produce.requestHeaderVersion(8), 1)
  assert.equal(apis.Produce.requestHeaderVersion(9), 2)
  assert.equal(apis.Produce.responseHeaderVersion(8), 0)
  assert.equal(apis.Produce.responseHeaderVersion(9), 1)
})

test('ApiVersions always answers with response header 0, ControlledShutdown 0 asks with request header 0', () => {
  for (const version of [0, 3, 4]) assert.equal(apis.ApiVersions.responseHeaderVersion(version), 0)
  assert.equal(apis.ApiVersions.requestHeaderVersion(3), 2)
  assert.equal(apis.ControlledShutdown.requestHeaderVersion(0), 0)
  assert.equal(apis.ControlledShutdown.requestHeaderVersion(1), 1)
})

test('the client id keeps its classic form in the flexible request header', () => {
  const header = { requestApiKey: 18, requestApiVersion: 3, correlationId: 7, clientId: 'ottla' }
  const hex = (version: number): string => Buffer.from(encodeMessage(RequestHeader, version, header)).toString('hex')
  assert.equal(hex(0), '0012000300000007')
  assert.equal(hex(1), bare('00120003000000070005 6f74746c61'))
  assert.equal(hex(2), bare('00120003000000070005 6f74746c61 00'))
  assert.deepEqual(decodeMessage(RequestHeader, 2, Buffer.from(hex(2), 'hex')), header)
  assert.equal(decodeMessage(RequestHeader, 1, Buffer.from('0012000300000007ffff', 'hex')).clientId, null)
})

test('the flexible response header has a tagged section', () => {
  assert.equal(Buffer.from(encodeMessage(ResponseHeader, 0, { correlationId: 7 })).toString('hex'), '00000007')
  assert.equal(Buffer.from(encodeMessage(ResponseHeader, 1, { correlationId: 7 })).toString('hex'), '0000000700')
})

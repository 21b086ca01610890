/** What `npm ci` ends with: `npm run` finds the Node.js of node_modules, whatever npm made of the link. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(path.join(realpathSync(tmpdir()), 'link-node-'))
  for (const file of ['package.json', 'cli/own-node.js', 'scripts/link-node.js']) cpSync(file, path.join(folder, file))
  mkdirSync(path.join(folder, 'node_modules/.bin'), { recursive: true })
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Runs it as `node` of this version. */
function linkNode(version: string) {
  const preload = `data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'${version}'}})`
  const args = ['--import', preload, path.join(folder, 'scripts/link-node.js')]
  return spawnSync(process.execPath, args, { encoding: 'utf8' })
}
const link = () => path.join(folder, 'node_modules/.bin/node')

function installNode() {
  const bin = path.join(folder, `node_modules/node-${process.platform}-${process.arch}/bin`)
  mkdirSync(bin, { recursive: true })
  writeFileSync(path.join(bin, 'node'), 'the binary')
}

test('the link that npm 10 deleted is made again', () => {
  installNode()
  expect(linkNode('20.20.2')).toMatchObject({ status: 0, stderr: '' })
  expect(readFileSync(link(), 'utf8')).toBe('the binary')
})

test('the link that npm made stays', () => {
  installNode()
  writeFileSync(link(), "npm's")
  expect(linkNode('24.21.0')).toMatchObject({ status: 0, stderr: '' })
  expect(readFileSync(link(), 'utf8')).toBe("npm's")
})

test('without a Node.js of npm a recent one of the system will do', () => {
  expect(linkNode('24.21.0')).toMatchObject({ status: 0, stderr: '' })
})

test('an old one will not, and the error says what to do', () => {
  const { status, stderr } = linkNode('22.19.0')
  expect(status).toBe(1)
  expect(stderr).toContain('need Node.js 24 or later, found 22.19.0')
  expect(stderr).toContain('run "npm ci" again')
})

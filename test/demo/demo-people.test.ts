// Goal: the demo's directory lets in who knows the passwords that README names. Method: the hashes it seeds are compared with them.
import t from 'tap'
import { demoPasswordHashes, demoPasswords, demoPeople } from '../../src/demo/demo-people.ts'
import { matchesHash } from '../../src/lifecycle/password-hash.ts'

t.test('the seeded hashes are those of the demo’s passwords', async (t) => {
  t.equal(await matchesHash(demoPasswords.login, demoPasswordHashes.login), true)
  t.equal(await matchesHash(demoPasswords.confirmation, demoPasswordHashes.confirmation), true)
  t.equal(await matchesHash(demoPasswords.login, demoPasswordHashes.confirmation), false)
})

t.test('everybody has the same passwords', async (t) => {
  for (const { loginPassword, confirmationPassword } of demoPeople) {
    t.same({ login: loginPassword, confirmation: confirmationPassword, pkcs12: demoPasswords.pkcs12 }, demoPasswords)
  }
})

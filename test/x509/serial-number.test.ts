// Goal: every common spelling of a serial number gives one normal form; anything doubtful is refused.
// Method: tables of spellings.
import t from 'tap'
import { randomSerial } from '../../src/x509/random-serial.ts'
import { normaliseSerial } from '../../src/x509/serial-number.ts'

t.test('spellings of one serial', async (t) => {
  const spellings = [
    ...['0a1b2c3d', '0A1B2C3D', 'a1b2c3d', '0x0A1B2C3D', '0X0a1b2c3d', '000a1b2c3d', '0A:1B:2C:3D', 'a:1b:2c:3d'],
    ...['0a 1b 2c 3d', ' 0A1B2C3D\n', 'serial=0A1B2C3D', 'Serial = 0A1B2C3D', '\u200e0a 1b 2c 3d', '0x0a:1b:2c:3d'],
    ...['0a  1b\t2c\n3d'],
  ]
  for (const spelling of spellings) t.equal(normaliseSerial(spelling), 'a1b2c3d', JSON.stringify(spelling))
})

t.test('digits are hexadecimal, always', async (t) => {
  t.equal(normaliseSerial('4096'), '4096')
  t.equal(normaliseSerial('10'), '10')
  t.equal(normaliseSerial('01'), '1')
})

t.test('the longest', async (t) => {
  t.equal(normaliseSerial('f'.repeat(40)), 'f'.repeat(40))
  t.equal(normaliseSerial(`00${'f'.repeat(40)}`), 'f'.repeat(40), 'a sign octet is no part of the value')
  t.equal(normaliseSerial(Array.from({ length: 20 }, () => 'FF').join(':')), 'f'.repeat(40))
})

t.test('refused', async (t) => {
  const wrong = [
    ...[
      '',
      ' ',
      '0',
      '0x',
      '0x00',
      '00:00',
      '-1',
      '-0a',
      'serial=',
      `1${'0'.repeat(40)}`,
      'xyz',
      '0x0x1',
      '1g',
      'ab::cd',
    ],
    ...[':ab', 'ab:', '4096 (0x1000)', '0a-1b', '0a,1b', '1.5', 'serial=serial=1', '１２', `a${' '.repeat(200)}b`],
  ]
  for (const text of wrong) t.throws(() => normaliseSerial(text), { code: 'serial_invalid' }, JSON.stringify(text))
})

t.test('random serials are normal, positive and different', async (t) => {
  const serials = new Set(Array.from({ length: 200 }, () => randomSerial()))
  t.equal(serials.size, 200)
  for (const serial of serials) {
    t.equal(normaliseSerial(serial), serial)
    t.ok(serial.length > 20)
  }
})

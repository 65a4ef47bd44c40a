/**
 * An open-addressed hash table in memory that all threads share: one writer, any number of readers without locks, none of whom
 * ever waits for the other.
 *
 * Entries are slots of a few 32-bit words, key first, then values. Keys spread over shards; each shard is a table of its own on any
 * number of pages, filled to 78 % at most, in which a key is looked for from its place onwards to the first empty slot. A shard
 * grows by moving its entries to fresh pages, so no change ever moves more than one shard holds, the pages it leaves are taken by
 * whichever grows next, and memory stays near 16 / 0.75 bytes for an entry of 16.
 *
 * Memory: header words; a header word for each shard (sequence and number of pages); two lists of pages for each shard, of which the
 * lowest bit of the sequence names the one in force; pages.
 *
 * What readers rely on:
 * - An entry appears by the store of its first word, written last, and disappears by another store of it.
 * - A shard moves by filling the list not in force and then storing its header word. Whoever has looked for a key in vain, or has read
 *   values, loads the header word again: if it changed, pages may have been reused meanwhile, so they look again.
 * - Every word of a page or list that a reader may see is stored and loaded atomically, so all threads agree on one order of these
 *   stores and loads: what a page was reused for is never seen by somebody who still finds the old header word afterwards.
 * - The sequence has 22 bits: the same header word comes back after 4 million moves of one shard during a single look.
 */

/** Slots of a page. */
export const pageSlots = 64
/** Tables of their own that the keys spread over. */
export const shardCount = 2_048
/** Filled further, look-ups for what is not there get long. */
const fillMax = 0.78
/** Entries, removed ones included, that a page holds on average at most. */
export const pageEntriesMax = pageSlots * fillMax

/** Bits of a shard's header word that count its pages; the sequence stands above. */
export const pageCountBits = 10
/** Most pages of a shard. */
export const pageCountMax = 2 ** pageCountBits - 1

/** Word that rises with every change. */
export const generationAt = 0
/** Word with the number of entries. */
export const sizeAt = 1
/** Word that says how many words an entry has. */
export const slotWordsAt = 2
/** Word that says how many of them, the first, are the key. */
export const keyWordsAt = 3
/** Word that says how long lists may get. */
export const rowsAt = 4
/** Word that is 1 where keys are spread by a seed. */
export const seededAt = 5
/** First of the two words of the seed. */
export const seedAt = 6
/** First of the shards' header words. */
export const shardHeadersAt = 16
/** First word of the lists. */
export const listsAt = shardHeadersAt + shardCount

/** The place from which a key is looked for; exact, as both factors fit into a double's 53 bits together. */
export function placeIn(slots: number, hash: number): number {
  return Math.floor((hash * slots) / 0x1_0000_0000)
}

/** Word offset of a list's entry for the page of that position. Lists lie row by row, so that short ones touch little memory. */
export function listWord(header: number, shard: number, position: number): number {
  const row = Math.floor(position / pageSlots)
  const list = (header >>> pageCountBits) & 1
  return listsAt + (row * 2 + list) * shardCount + shard
}

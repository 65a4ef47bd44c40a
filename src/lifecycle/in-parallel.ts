/**
 * Runs the task for every item, at most `width` at a time, and resolves with the results in the order of the items. The first
 * failure rejects once what was begun has ended; nothing more is begun.
 */
export async function inParallel<T, R>(
  items: readonly T[],
  task: (item: T) => Promise<R>,
  { width }: { width: number },
): Promise<R[]> {
  const results: R[] = []
  const failures: unknown[] = []
  let next = 0
  const run = async (): Promise<void> => {
    while (next < items.length && failures.length === 0) {
      const position = next++
      try {
        results[position] = await task(items[position] as T)
      } catch (error) {
        failures.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, run))
  if (failures.length > 0) throw failures[0]
  return results
}

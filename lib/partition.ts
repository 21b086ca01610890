/** The items for which `test` holds, and the others. */
export const partition = <Item>(items: Item[], test: (item: Item) => boolean): [Item[], Item[]] => [
  items.filter(test),
  items.filter((item) => !test(item)),
]

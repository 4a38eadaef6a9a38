package memory

import (
	"cmp"
	"iter"
	"slices"
	"sort"
	"strings"
	"time"

	"crm-connector/pkg/core/row"
)

// item is one stored row. The value is a string because that is a word shorter and cannot be changed by a caller.
type item struct {
	key     row.Key
	value   string
	version int64
	expires int64 // microseconds since 1970, 0: never
}

func (it *item) lives(now time.Time) bool { return it.expires == 0 || now.UnixMicro() < it.expires }

func (it *item) row() row.Row {
	w := row.Row{Key: it.key, Version: it.version, Value: []byte(it.value)}
	if it.expires != 0 {
		w.Expires = time.UnixMicro(it.expires).UTC()
	}
	return w
}

// blockMax is the largest number of rows in a block. A split moves 16 kB, and a table of a million rows has 8,000 blocks.
const blockMax = 256

// list keeps rows in ascending order of part and sort, in blocks: a search tree of two levels. A row costs about 100 bytes
// besides its own; neither a map nor a tree of nodes is as small.
type list struct {
	blocks [][]item // none is empty
	count  int
}

func order(a, b row.Key) int {
	return cmp.Or(strings.Compare(a.Part, b.Part), strings.Compare(a.Sort, b.Sort))
}

// seek returns the place of the first row that is not before k, and whether it is k. The place may be one behind the last
// row of the last block.
func (l *list) seek(k row.Key) (block, index int, found bool) {
	block = sort.Search(len(l.blocks), func(i int) bool {
		b := l.blocks[i]
		return order(b[len(b)-1].key, k) >= 0
	})
	if block == len(l.blocks) {
		if block == 0 {
			return 0, 0, false
		}
		return block - 1, len(l.blocks[block-1]), false
	}
	index, found = slices.BinarySearchFunc(l.blocks[block], k, func(it item, k row.Key) int { return order(it.key, k) })
	return block, index, found
}

func (l *list) get(k row.Key) *item {
	b, i, found := l.seek(k)
	if !found {
		return nil
	}
	return &l.blocks[b][i]
}

// set stores the row that the write leaves behind.
func (l *list) set(p row.Put) {
	b, i, found := l.seek(p.Key)
	if !found {
		text := p.Key.Part + p.Key.Sort // one piece of memory for both
		key := row.Key{Part: text[:len(p.Key.Part)], Sort: text[len(p.Key.Part):]}
		b, i = l.insert(b, i, item{key: key})
	}
	it := &l.blocks[b][i]
	it.value, it.version, it.expires = string(p.Value), p.Next(), 0
	if !p.Expires.IsZero() {
		it.expires = p.Expires.UnixMicro()
	}
}

// insert puts the item at a place that seek returned and tells where it came to lie.
func (l *list) insert(b, i int, it item) (block, index int) {
	l.count++
	switch {
	case len(l.blocks) == 0:
		l.blocks = [][]item{{it}}
		return 0, 0
	case len(l.blocks[b]) < blockMax:
		l.blocks[b] = slices.Insert(l.blocks[b], i, it)
		return b, i
	case i == blockMax: // behind the last row of all: rows that come in order leave full blocks behind
		l.blocks = append(l.blocks, []item{it})
		return b + 1, 0
	}
	half := blockMax / 2
	right := slices.Clone(l.blocks[b][half:])
	l.blocks[b] = slices.Delete(l.blocks[b], half, blockMax)
	l.blocks = slices.Insert(l.blocks, b+1, right)
	if i > half {
		b, i = b+1, i-half
	}
	l.blocks[b] = slices.Insert(l.blocks[b], i, it)
	return b, i
}

func (l *list) remove(k row.Key) {
	b, i, found := l.seek(k)
	if !found {
		return
	}
	l.count--
	l.blocks[b] = slices.Delete(l.blocks[b], i, i+1)
	if len(l.blocks[b]) == 0 {
		l.blocks = slices.Delete(l.blocks, b, b+1)
	}
}

// from walks the rows from the first that is not before k.
func (l *list) from(k row.Key) iter.Seq[*item] {
	return func(yield func(*item) bool) {
		b, i, _ := l.seek(k)
		for ; b < len(l.blocks); b, i = b+1, 0 {
			for ; i < len(l.blocks[b]); i++ {
				if !yield(&l.blocks[b][i]) {
					return
				}
			}
		}
	}
}

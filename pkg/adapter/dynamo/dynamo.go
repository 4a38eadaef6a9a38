// Package dynamo is the row store over DynamoDB: versioned rows, conditional writes that succeed together or not at all,
// and lists in the order of the sort key. It behaves as storetest says, expired rows included, which DynamoDB keeps for days.
//
// It knows nothing of what the rows say, and it makes no table: the template does.
package dynamo

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"crm-connector/pkg/core/row"
)

// Database makes the tables of one account and region, which share its connections.
type Database struct {
	calls calls
	now   func() time.Time
}

// calls are the calls of DynamoDB that are used, one by one: in a program that looks methods up by name (protobuf does, under
// the phone numbers) the linker keeps every method of a client that it meets in a value, and that is 3 MB of a consumer.
type calls struct {
	get      func(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	getMany  func(context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error)
	put      func(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	remove   func(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
	transact func(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error)
	query    func(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
}

// Open returns the database that the configuration leads to. It makes no call.
func Open(cfg aws.Config, now func() time.Time) *Database {
	c := dynamodb.NewFromConfig(cfg)
	return &Database{now: now, calls: calls{
		get: c.GetItem, getMany: c.BatchGetItem, put: c.PutItem, remove: c.DeleteItem, transact: c.TransactWriteItems, query: c.Query,
	}}
}

// Rows returns the table of that physical name.
func (d *Database) Rows(table string) *Rows {
	return &Rows{calls: d.calls, table: table, now: d.now}
}

// Rows is one table of versioned rows. It is safe for use by several goroutines. Its errors wrap row.ErrConflict, or are a
// *fault.Error: Throttled, Down (whether a write was carried out is not known), Setup for a table that is not there or not
// ours to use, Ours for a call that DynamoDB refuses for its form.
type Rows struct {
	calls calls
	table string
	now   func() time.Time
}

// maxKeys is how many rows one BatchGetItem reads.
const maxKeys = 100

// Get returns one row for each key, in the order of the keys, as last written. Version is 0 where there is no row or an
// expired one.
func (r *Rows) Get(ctx context.Context, keys ...row.Key) ([]row.Row, error) {
	found := map[row.Key]row.Row{}
	if len(keys) == 1 {
		if err := r.one(ctx, keys[0], found); err != nil {
			return nil, err
		}
	} else if err := r.many(ctx, keys, found); err != nil {
		return nil, err
	}
	rows := make([]row.Row, len(keys))
	for i, k := range keys {
		w, ok := found[k]
		if !ok {
			w.Key = k
		}
		w.Value = append([]byte(nil), w.Value...) // a key that is asked for twice must not share its value
		rows[i] = w
	}
	return rows, nil
}

func (r *Rows) one(ctx context.Context, k row.Key, found map[row.Key]row.Row) error {
	const op = "dynamodb.GetItem"
	out, err := r.calls.get(ctx, &dynamodb.GetItemInput{TableName: &r.table, Key: encodeKey(k), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return translate(op, err)
	}
	return r.collect(op, []item{out.Item}, found)
}

// many asks for a hundred different keys at a time, and again for those that did not fit into an answer of 16 MB.
func (r *Rows) many(ctx context.Context, keys []row.Key, found map[row.Key]row.Row) error {
	const op = "dynamodb.BatchGetItem"
	asked := map[row.Key]bool{}
	var rest []item
	for _, k := range keys {
		if !asked[k] {
			asked[k], rest = true, append(rest, encodeKey(k))
		}
	}
	for len(rest) > 0 {
		n := min(len(rest), maxKeys)
		out, err := r.calls.getMany(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
			r.table: {Keys: rest[:n], ConsistentRead: aws.Bool(true)},
		}})
		if err != nil {
			return translate(op, err)
		}
		left := out.UnprocessedKeys[r.table].Keys
		if len(left) == n {
			return throttled(op, "UnprocessedKeys")
		}
		if err := r.collect(op, out.Responses[r.table], found); err != nil {
			return err
		}
		rest = append(left, rest[n:]...)
	}
	return nil
}

// collect adds the items that live.
func (r *Rows) collect(op string, items []item, found map[row.Key]row.Row) error {
	for _, it := range items {
		if len(it) == 0 {
			continue
		}
		w, lives, err := decode(op, it, r.now())
		if err != nil {
			return err
		}
		if lives {
			found[w.Key] = w
		}
	}
	return nil
}

// List returns the rows of one part whose Sort has the prefix and comes after the given one, in ascending order of their
// bytes, at most limit of them, as last written. An empty after starts with the first row, a limit of 0 asks for all.
func (r *Rows) List(ctx context.Context, part, sortPrefix, after string, limit int) ([]row.Row, error) {
	const op = "dynamodb.Query"
	if limit < 0 {
		return nil, ours(op, "a negative limit")
	}
	in := &dynamodb.QueryInput{
		TableName: &r.table, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String(listed),
		ExpressionAttributeValues: item{":part": text(part), ":prefix": text(sortMark + sortPrefix)},
	}
	// DynamoDB refuses a start outside of what the condition lists.
	switch {
	case after != "" && strings.HasPrefix(after, sortPrefix):
		in.ExclusiveStartKey = encodeKey(row.Key{Part: part, Sort: after})
	case after > sortPrefix:
		return nil, nil
	}
	var rows []row.Row
	for {
		if limit > 0 {
			in.Limit = aws.Int32(int32(min(limit-len(rows), 1<<20)))
		}
		out, err := r.calls.query(ctx, in)
		if err != nil {
			return nil, translate(op, err)
		}
		for _, it := range out.Items {
			w, lives, err := decode(op, it, r.now())
			if err != nil {
				return nil, err
			}
			if lives {
				rows = append(rows, w)
			}
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 || limit > 0 && len(rows) >= limit {
			return rows, nil
		}
	}
}

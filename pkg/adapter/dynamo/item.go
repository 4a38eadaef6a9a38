package dynamo

import (
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"crm-connector/pkg/core/row"
)

// item is a row as DynamoDB holds it.
type item = map[string]types.AttributeValue

// The attributes of a row besides those that the table is declared with.
const (
	attributeVersion = "ver"
	attributeValue   = "val"
	// attributeUntil is the expiry in microseconds since 1970, which decides; the seconds are for the sweep alone.
	attributeUntil = "expires_us"
)

// sortMark stands before every sort key, because DynamoDB takes no empty one.
const sortMark = "#"

// The expressions that are sent. An expired row is to all of them as if it were not there.
const (
	ifAbsent  = "attribute_not_exists(pk) OR expires_us <= :now"
	ifVersion = "ver = :ver AND (attribute_not_exists(expires_us) OR expires_us > :now)"
	listed    = "pk = :part AND begins_with(sk, :prefix)"
)

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func encodeKey(k row.Key) item {
	return item{AttributePart: text(k.Part), AttributeSort: text(sortMark + k.Sort)}
}

// encode returns the row that the write leaves behind.
func encode(p row.Put) item {
	it := encodeKey(p.Key)
	it[attributeVersion] = number(p.Next())
	it[attributeValue] = &types.AttributeValueMemberB{Value: append([]byte{}, p.Value...)}
	if !p.Expires.IsZero() {
		it[attributeUntil] = number(p.Expires.UnixMicro())
		it[AttributeExpires] = number(p.Expires.Add(time.Second - 1).Unix()) // swept no earlier than it is gone
	}
	return it
}

// condition returns the condition of a write and its values.
func condition(p row.Put, now time.Time) (string, item) {
	if p.If == 0 {
		return ifAbsent, item{":now": number(now.UnixMicro())}
	}
	return ifVersion, item{":now": number(now.UnixMicro()), ":ver": number(p.If)}
}

// decode reads a row and tells whether it lives.
func decode(op string, it item, now time.Time) (w row.Row, lives bool, err error) {
	part, ok1 := it[AttributePart].(*types.AttributeValueMemberS)
	sort, ok2 := it[AttributeSort].(*types.AttributeValueMemberS)
	value, ok3 := it[attributeValue].(*types.AttributeValueMemberB)
	version, ok4 := integer(it[attributeVersion])
	if !ok1 || !ok2 || !ok3 || !ok4 || !strings.HasPrefix(sort.Value, sortMark) {
		return row.Row{}, false, ours(op, "a row that this code did not write")
	}
	w = row.Row{Key: row.Key{Part: part.Value, Sort: sort.Value[len(sortMark):]}, Version: version, Value: value.Value}
	if it[attributeUntil] == nil {
		return w, true, nil
	}
	until, ok := integer(it[attributeUntil])
	if !ok {
		return row.Row{}, false, ours(op, "a row whose expiry is not a whole number")
	}
	w.Expires = time.UnixMicro(until).UTC()
	return w, now.UnixMicro() < until, nil
}

func integer(v types.AttributeValue) (int64, bool) {
	n, ok := v.(*types.AttributeValueMemberN)
	if !ok {
		return 0, false
	}
	i, err := strconv.ParseInt(n.Value, 10, 64)
	return i, err == nil
}

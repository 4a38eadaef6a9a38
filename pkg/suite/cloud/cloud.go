// Package cloud is what every function has in AWS: its settings, the way to AWS, and the tables. A main opens it and
// chooses its adapters with it. It wires no handler: the packages beside it do.
package cloud

import (
	"context"
	"time"

	"crm-connector/pkg/adapter/awsenv"
	"crm-connector/pkg/adapter/dynamo"
	"crm-connector/pkg/adapter/settings"
)

// Cloud is one function's surroundings. Everything that is missing or wrong in its settings is in Err.
type Cloud struct {
	*settings.Reader
	awsenv.Env
	Now func() time.Time

	tables *dynamo.Database
}

// Open reads how AWS is reached. It makes no call.
func Open(getenv func(string) string, now func() time.Time) *Cloud {
	set := &settings.Reader{Getenv: getenv}
	env := awsenv.Read(set)
	return &Cloud{Reader: set, Env: env, Now: now, tables: dynamo.Open(env.Config(awsenv.DynamoDB), now)}
}

// Rows returns a table by the setting that names it.
func (c *Cloud) Rows(t dynamo.Table) *dynamo.Rows { return c.tables.Rows(c.Need(t.Setting())) }

// Caller returns what makes single calls of a service.
func (c *Cloud) Caller(s awsenv.Service) *awsenv.Caller {
	return awsenv.NewCaller(c.Config(s), s, c.Now)
}

// Sleep waits for d or until the context ends, and reports whether it waited to the end.
func Sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

package cloud

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestASleepIsAsLongAsItSaysUnlessTheContextEndsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if !Sleep(t.Context(), time.Minute) || time.Since(began) != time.Minute {
			t.Errorf("slept %s", time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		if Sleep(ctx, time.Minute) || time.Since(began) != time.Second {
			t.Errorf("slept %s", time.Since(began))
		}
	})
}

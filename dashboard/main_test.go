package dashboard_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/cis490/profiles/bus/bustest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, bustest.Leaks()...) }

package secret

import (
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/uuid"

	"crm-connector/pkg/adapter/awsenv"
	"crm-connector/pkg/adapter/awsenv/awstest"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/storetest"
)

func TestTheSuiteHolds(t *testing.T) {
	t.Run("in the environment", func(t *testing.T) {
		storetest.TestSecrets(t, nil, func(_ *testing.T, values map[string]string) storetest.Secrets {
			var env []string
			for name, v := range values {
				env = append(env, name, v)
			}
			s, _ := open(&store{}, noon, env...)
			return s
		})
	})
	t.Run("in process", func(t *testing.T) {
		storetest.TestStoredSecrets(t, nil, func(_ *testing.T, values map[string]string) storetest.Secrets {
			ssm := &store{parameters: map[string]string{}}
			for name, v := range values {
				ssm.parameters["/stack/"+name] = v
			}
			s, _ := open(ssm, noon, settings.SecretsPath, "/stack")
			return s
		})
	})
	for _, o := range storetest.Oracles(t, os.Getenv(storetest.OraclesSetting), storetest.MiniStack) {
		t.Run(o.Name, func(t *testing.T) {
			storetest.TestStoredSecrets(t, o.Known(storetest.SecretSuite), func(t *testing.T, values map[string]string) storetest.Secrets {
				return stored(t, o.Endpoint, values)
			})
		})
	}
}

// stored puts the values into a Parameter Store under a path of their own.
func stored(t *testing.T, endpoint string, values map[string]string) *Store {
	cfg := awsenv.Read(&settings.Reader{Getenv: awstest.Env(awstest.Settings(endpoint))}).Config(awsenv.SSM)
	path := "/storetest-" + uuid.NewString()
	client := ssm.NewFromConfig(cfg)
	for name, v := range values {
		_, err := client.PutParameter(t.Context(), &ssm.PutParameterInput{
			Name: aws.String(path + "/" + name), Value: aws.String(v), Type: types.ParameterTypeSecureString,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return New(awsenv.NewCaller(cfg, awsenv.SSM, time.Now), reader(settings.SecretsPath, path), time.Now)
}

package main

import (
	"fmt"

	keda "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"go.yaml.in/yaml/v3"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	kubernetes "k8s.io/client-go/kubernetes/scheme"
)

// Object is one decoded object of a build.
type Object struct {
	Kind, Namespace, Name string
	Value                 runtime.Object // of its Go type, such as *apps.Deployment
	Fields                map[string]any // the same as YAML
}

func (o Object) String() string { return o.Kind + " " + o.Name }

// Build is the result of one kustomization.
type Build struct {
	Name    string // the folder of the kustomization
	Objects []Object
}

func (b Build) where(o Object) string { return b.Name + ": " + o.String() }

var codecs = func() serializer.CodecFactory {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{kubernetes.AddToScheme, keda.AddToScheme, monitoring.AddToScheme} {
		if err := add(scheme); err != nil {
			panic(err)
		}
	}
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict)
}()

// decode decodes an object into its Go type. Unknown kinds, unknown fields and repeated keys are errors.
func decode(body []byte) (Object, error) {
	value, kind, err := codecs.UniversalDeserializer().Decode(body, nil, nil)
	if err != nil {
		return Object{}, err
	}
	m, ok := value.(meta.Object)
	if !ok {
		return Object{}, fmt.Errorf("%s is not a single object", kind.Kind)
	}
	o := Object{Kind: kind.Kind, Namespace: m.GetNamespace(), Name: m.GetName(), Value: value}
	return o, yaml.Unmarshal(body, &o.Fields)
}

// pod is the pod template of an object.
type pod struct {
	of     Object
	meta   meta.ObjectMeta
	spec   core.PodSpec
	serves bool                         // it runs until it is stopped, so it needs probes
	claims []core.PersistentVolumeClaim // the volumes that a StatefulSet creates
}

func (b Build) pods() []pod {
	var all []pod
	for _, o := range b.Objects {
		p := pod{of: o}
		var template core.PodTemplateSpec
		switch v := o.Value.(type) {
		case *apps.Deployment:
			template, p.serves = v.Spec.Template, true
		case *apps.StatefulSet:
			template, p.serves, p.claims = v.Spec.Template, true, v.Spec.VolumeClaimTemplates
		case *apps.DaemonSet:
			template, p.serves = v.Spec.Template, true
		case *batch.Job:
			template = v.Spec.Template
		case *batch.CronJob:
			template = v.Spec.JobTemplate.Spec.Template
		case *core.Pod:
			template = core.PodTemplateSpec{ObjectMeta: v.ObjectMeta, Spec: v.Spec}
		default:
			continue
		}
		p.meta, p.spec = template.ObjectMeta, template.Spec
		all = append(all, p)
	}
	return all
}

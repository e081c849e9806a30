package main

import (
	"fmt"

	keda "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
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
	// Value is the typed object, such as *apps.Deployment.
	Value runtime.Object
}

func (o Object) String() string { return o.Kind + " " + o.Name }

// Build is what one kustomization gives.
type Build struct {
	Name    string // its folder
	Objects []Object
}

var codecs = func() serializer.CodecFactory {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{kubernetes.AddToScheme, keda.AddToScheme, monitoring.AddToScheme} {
		if err := add(scheme); err != nil {
			panic(err)
		}
	}
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict)
}()

// decode reads an object into its Go type. A kind that none of the known APIs
// has, a field that the type lacks, a key that is there twice are errors.
func decode(body []byte) (Object, error) {
	value, kind, err := codecs.UniversalDeserializer().Decode(body, nil, nil)
	if err != nil {
		return Object{}, err
	}
	m, ok := value.(meta.Object)
	if !ok {
		return Object{}, fmt.Errorf("%s is no single object", kind.Kind)
	}
	return Object{Kind: kind.Kind, Namespace: m.GetNamespace(), Name: m.GetName(), Value: value}, nil
}

// pod is a pod template, with the object that makes pods of it.
type pod struct {
	of   Object
	meta meta.ObjectMeta
	spec core.PodSpec
	// serves says that it is to run for ever, so that probes make sense.
	serves bool
	// claims are the volumes that a StatefulSet makes.
	claims []core.PersistentVolumeClaim
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
		case *apps.ReplicaSet:
			template, p.serves = v.Spec.Template, true
		case *core.ReplicationController:
			if v.Spec.Template == nil {
				continue
			}
			template, p.serves = *v.Spec.Template, true
		case *batch.Job:
			template = v.Spec.Template
		case *batch.CronJob:
			template = v.Spec.JobTemplate.Spec.Template
		case *keda.ScaledJob:
			if v.Spec.JobTargetRef == nil {
				continue
			}
			template = v.Spec.JobTargetRef.Template
		case *core.Pod:
			template = core.PodTemplateSpec{ObjectMeta: v.ObjectMeta, Spec: v.Spec}
		case *core.PodTemplate:
			template = v.Template
		default:
			continue
		}
		p.meta, p.spec = template.ObjectMeta, template.Spec
		all = append(all, p)
	}
	return all
}

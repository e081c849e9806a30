package episode
import ("testing";"bytes";"io")
func BenchmarkNone(b *testing.B){
 data:=readFile(b, recordedFiles(b)[0])
 b.Run("none",func(b *testing.B){b.ReportAllocs();for b.Loop(){ if _,err:=Read(bytes.NewReader(data),nil,Limits{});err!=nil{b.Fatal(err)}}})
 b.Run("content",func(b *testing.B){for b.Loop(){ a,_:=openArchive(bytes.NewReader(data),DefaultLimits()); buf:=a.kit.line; for { _,err:=a.content.Read(buf); if err==io.EOF{break}; if err!=nil{b.Fatal(err)}}; a.close()}})
 b.Run("proc",func(b *testing.B){for b.Loop(){ if _,err:=Read(bytes.NewReader(data),user,Limits{});err!=nil{b.Fatal(err)}}})
}
